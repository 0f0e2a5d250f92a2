#include "core/io/file.h"
#include "core/io/quotes.h"
#include "core/io/suggest.h"
#include "train/program/cli/commands.h"
#include "train/program/console/flags.h"
#include "train/program/console/output.h"
#include "train/program/report/curves.h"
#include "train/program/run/run_report.h"

#include <algorithm>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

struct PlotFlags {
    std::vector<std::string> runs;
    std::string metric;
    fs::path output;
    bool log = false;
};

std::vector<NamedLog> read_logs(const std::vector<std::string>& runs) {
    const auto names = names_of_runs(runs);
    std::vector<NamedLog> logs;
    for (size_t i = 0; i < runs.size(); ++i) {
        const RunFolder folder{runs[i]};
        check(fs::is_directory(runs[i]), "[plot] {}: no such folder", runs[i]);
        check(fs::exists(folder.log()), "[plot] {} is not a run, or has no epoch yet: no log.jsonl in it", runs[i]);
        logs.push_back(named_log(folder, names[i]));
        for (const std::string& line : logs.back().log.unreadable)
            complain("swingrad plot: " + on_one_line(line) + "\n");
        check(!logs.back().log.epochs.empty(), "[plot] {}: no epoch in it yet", folder.log().string());
    }
    return logs;
}

// One number of an epoch's line of every run.
Figure figure_of(const PlotFlags& flags, const std::vector<NamedLog>& logs) {
    std::string label = flags.metric;
    std::replace(label.begin(), label.end(), '_', ' ');
    Figure figure{label, "epoch", label, {}, flags.log, true};
    for (size_t i = 0; i < logs.size(); ++i) {
        std::vector<std::string> known;
        for (const auto& [name, value] : logs[i].log.epochs.back().items())
            if (value.is_number() && name != "epoch") known.push_back(name);
        if (!logs[i].log.has(flags.metric))
            fail_usage("unknown --metric \"{}\" of {}: {}", flags.metric, flags.runs[i],
                       suggestion(flags.metric, known));
        figure.series.push_back({logs[i].name, logs[i].log.column("epoch"), logs[i].log.column(flags.metric)});
    }
    return figure;
}

int plot(const PlotFlags& flags) {
    const std::vector<NamedLog> logs = read_logs(flags.runs);
    // All are drawn before any is written: without gnuplot nothing is left behind.
    std::vector<std::pair<fs::path, std::string>> files;
    if (!flags.metric.empty()) {
        const fs::path file = flags.output.empty() ? fs::path(flags.metric + ".svg") : flags.output;
        files.emplace_back(file, svg_of(figure_of(flags, logs)));
    } else {
        const fs::path folder = flags.output.empty() ? fs::path("plots") : flags.output;
        for (const auto& [name, figure] : curves(logs)) files.emplace_back(folder / name, svg_of(figure));
    }
    for (const std::string& run : flags.runs)
        for (const auto& [file, svg] : files) refuse_overwriting("--output", file, files_of({run}));
    for (const auto& [file, svg] : files) {
        make_folders(file.parent_path());
        write_output(file, svg);
        if (!is_standard_output(file)) fmt::print("{}\n", on_one_line(file.string()));
    }
    return 0;
}

}  // namespace

RunCommand declare_plot(CLI::App& command) {
    auto flags = std::make_shared<PlotFlags>();
    command.add_option("RUN", flags->runs, "folders of runs");
    add_flag(command, "--metric", flags->metric, "one number of log.jsonl, such as validation_accuracy");
    add_flag(command, "--output", flags->output, "SVG file of --metric, or the folder for all figures")
        ->default_str("METRIC.svg or plots");
    command.add_flag("--log", flags->log, "a logarithmic scale for --metric");
    command.footer(
        "Curves over epochs, those of several runs over each other. Without --metric: loss, accuracy, learning\n"
        "rate and gradient norm, a file each. Needs the program gnuplot.\n\n"
        "Examples:\n"
        "  swingrad plot runs/first\n"
        "  swingrad plot runs/first runs/second --metric validation_accuracy --output compared.svg\n"
        "  swingrad plot runs/first --metric train_loss --log");
    return [flags] {
        if (flags->runs.empty()) fail_usage("expected at least one RUN");
        if (flags->metric.empty() && flags->output.extension() == ".svg")
            fail_usage("--output {} names one figure: choose it by --metric, or name a folder", flags->output.string());
        if (flags->metric.empty() && flags->log) fail_usage("--log goes with --metric");
        return plot(*flags);
    };
}

}  // namespace swingrad
