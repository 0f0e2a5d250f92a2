#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "train/program/cli/commands.h"
#include "train/program/console/flags.h"
#include "train/program/console/output.h"
#include "train/program/report/compare/comparison.h"
#include "train/program/run/environment.h"
#include "train/program/run/run_report.h"

namespace swingrad {
namespace {

namespace fs = std::filesystem;

// A run of any program, as far as it has come.
ComparedRun read_run(const std::string& path, const std::string& name) {
    const RunFolder folder{path};
    check(fs::is_directory(path), "[compare] {}: no such folder", path);
    check(fs::exists(folder.config()), "[compare] {} is not a run: no config.json in it", path);
    nlohmann::json config = read_json_file(folder.config());
    check(config.is_object() && config.contains("derived") && config["derived"].is_object(),
          "[compare] {}: no \"derived\" in it, so no run wrote it", folder.config().string());
    ComparedRun run{.name = name, .log = {.name = name, .log = {}}};
    if (fs::exists(folder.log())) run.log = named_log(folder, name);
    for (const std::string& line : run.log.log.unreadable) warn(line);
    for (const char* of_programs : {"program", "limit"})
        if (config["derived"].contains(of_programs)) config[of_programs] = config["derived"][of_programs];
    const bool own = config["derived"].contains("program");
    if (own) config["data"] = config["derived"].value("data", nlohmann::json());
    else say_as_today(config);
    config.erase("derived");
    // What an earlier version did not know was as it is by default.
    const nlohmann::json defaults = own ? to_json(Recipe{}) : to_json(SwinRecipe{});
    for (const auto& [setting, value] : defaults.items())
        if (!config.contains(setting)) config[setting] = value;
    run.settings = std::move(config);
    const nlohmann::json starts = environments_of(folder);
    if (starts.empty() || !starts.back().is_object()) return run;
    for (const char* what : {"processor", "threads", "device", "instruction_set", "gemm", "version"})
        if (starts.back().contains(what)) run.environment[what] = starts.back()[what];
    return run;
}

void refuse_same(const std::vector<std::string>& runs) {
    std::error_code unknown;  // one of them is not there, and is told later
    for (size_t i = 0; i < runs.size(); ++i)
        for (size_t k = 0; k < i; ++k)
            if (fs::equivalent(runs[i], runs[k], unknown))
                fail_usage("{} and {} are the same run", on_one_line(runs[k]), on_one_line(runs[i]));
}

int compare(const std::vector<std::string>& paths, const fs::path& output) {
    for (const std::string& path : paths) refuse_overwriting("--output", output, files_of({path}));
    if (!is_standard_output(output)) require_replaceable("--output", output, "<!DOCTYPE html>");
    const std::vector<std::string> names = names_of_runs(paths);
    std::vector<ComparedRun> runs;
    for (size_t i = 0; i < paths.size(); ++i) runs.push_back(read_run(paths[i], names[i]));
    const DrawnFigures figures = draw_figures(figures_of(runs), {});
    if (!figures.problem.empty()) warn(figures.problem);
    write_output(output, comparison_page(runs, figures));
    if (is_standard_output(output)) return 0;
    std::vector<ComparedRow> rows = results_of(runs);
    for (ComparedRow& row : differences_of(runs)) rows.push_back(std::move(row));
    fmt::print("{}page in {}\n", text_of_rows(runs, rows), on_one_line(output.string()));
    return 0;
}

}  // namespace

RunCommand declare_compare(CLI::App& command) {
    auto runs = std::make_shared<std::vector<std::string>>();
    auto output = std::make_shared<fs::path>("compare.html");
    command.add_option("RUN", *runs, "folders of runs, two or more, of swingrad or of programs of your own");
    add_flag(command, "--output", *output, "HTML file to write");
    command.footer(
        "One page with the runs' curves over each other, by epoch and by time, the settings in which they differ, and\n"
        "what they came to; the tables on standard output too. A run that is not finished is shown as far as it is.\n"
        "The curves need the program gnuplot.\n\n"
        "Examples:\n"
        "  swingrad compare runs/first runs/second\n"
        "  swingrad compare runs/* --output all.html");
    return [runs, output] {
        if (runs->empty()) fail_usage("expected at least two RUNs");
        if (runs->size() == 1)
            fail_usage("expected at least two RUNs, got {}; a run's own page is its report.html",
                       on_one_line(runs->front()));
        refuse_same(*runs);
        return compare(*runs, *output);
    };
}

}  // namespace swingrad
