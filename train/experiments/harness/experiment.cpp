#include "train/experiments/harness/experiment.h"

#include "core/io/file.h"
#include "core/io/quotes.h"
#include "train/program/console/interrupt.h"
#include "train/program/console/output.h"
#include "train/program/images/data_source.h"
#include "train/program/report/page.h"
#include "train/program/run/run_lock.h"

#include <optional>

namespace swingrad {

namespace fs = std::filesystem;

namespace {

// Everything that can be wrong with settings and needs no image to be read.
void check_settings(const Experiment& experiment, const ExperimentSettings& settings) {
    check_names(settings.device, settings.precision);
    choose_device(settings.device);
    if (settings.seeds < 0 || settings.seeds > most_seeds)
        fail_usage("--seeds must be 1 to {}, got {}", most_seeds, settings.seeds);
    if (!experiment.learns && settings.data != ExperimentSettings{}.data)
        fail_usage("--data {} is not for {}, which learns nothing", settings.data, experiment.name);
    if (!experiment.learns && settings.seeds > 0)
        fail_usage("--seeds {} is not for {}, which draws nothing that matters", settings.seeds, experiment.name);
    if (settings.quick && settings.data != ExperimentSettings{}.data)
        fail_usage("--data {} contradicts --quick, which draws its own images", settings.data);
    if (!experiment.learns) return;
    if (!is_utf8(settings.data))
        fail_usage("--data {} is not UTF-8, as cells.json must be: rename it", in_quotes(settings.data));
    try {
        parse_data_source(settings.data);
    } catch (const Error& error) {
        throw UsageError(error.what());
    }
    class_names(parse_data_source(settings.data));  // an Error where there is no such folder
}

void print_and_write(const Experiment& experiment, const ExperimentRun& run, const Findings& findings) {
    const DrawnFigures drawn = draw_figures(findings.figures, run.folder / "figures");
    const fs::path page = run.folder / "report.html";
    write_file_atomically(page, experiment_page(experiment, run, findings, html_of(drawn)));
    for (const ResultTable& table : findings.tables) fmt::print("\n{}", text_of(table));
    for (const std::string& paragraph : findings.seen) fmt::print("\n{}\n", wrapped(paragraph));
    if (!drawn.problem.empty()) warn(drawn.problem);
    fmt::print("\n{} measured now, all kept in {}\npage in {}\n", run.cells.measured(),
               on_one_line((run.folder / "cells.json").string()), on_one_line(page.string()));
}

int say_stopped() {
    fmt::print("stopped; the same command goes on where this one was\n");
    return exit_interrupted();
}

}  // namespace

int run_experiment(const Experiment& experiment, ExperimentSettings settings, const fs::path& folder) {
    check_settings(experiment, settings);
    settings.data = lasting_source(settings.data);
    if (settings.seeds == 0) settings.seeds = settings.quick ? 1 : experiment.seeds;
    const RunFolder lockable{folder};
    check(!fs::exists(lockable.config()) && !fs::exists(lockable.last()),
          "[experiment] {} is the folder of a run: choose another --output", folder.string());
    const bool made = make_folders(folder);
    std::optional<RunLock> lock;
    try {
        lock.emplace(lockable);
        remove_temporaries(lockable);
        ExperimentRun run{settings, folder, CellCache(folder / "cells.json")};
        const InterruptGuard guard;
        print_and_write(experiment, run, experiment.run(run));
        return 0;
    } catch (const ExperimentStopped&) {
        return say_stopped();
    } catch (const EndedBySignal&) {
        return say_stopped();
    } catch (const nlohmann::json::exception&) {
        fail("[experiment] {}: a result in it lacks something, or has it of another kind: remove that one, or the file",
             (folder / "cells.json").string());
    } catch (...) {
        std::error_code error;
        // A folder with nothing but the lock is as good as none. One that holds more is not removed.
        if (made && lock && std::distance(fs::directory_iterator(folder), {}) == 1) {
            fs::remove(lockable.lock(), error);
            fs::remove(folder, error);
        }
        throw;
    }
}

}  // namespace swingrad
