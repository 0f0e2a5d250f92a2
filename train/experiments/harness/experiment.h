// The paper's claims as experiments, one file each. An experiment measures its cells
// (train/experiments/harness/cells.h), which are kept, and hands back what its page shows: figures, tables beside the
// paper's numbers, and what is seen in them.
#pragma once

#include "train/experiments/harness/cells.h"
#include "train/program/console/progress.h"
#include "train/program/report/plot.h"
#include "train/program/report/result_table.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace swingrad {

inline constexpr int64_t most_seeds = 100;

// What a user chooses.
struct ExperimentSettings {
    std::string data = "shapes", device = "cpu", precision = "f32";
    int64_t seeds = 0;   // 0: as many as the experiment has by default
    bool quick = false;  // tiny models and a few steps: shows that everything works, and nothing else
};

// What an experiment is given to work with.
struct ExperimentRun {
    const ExperimentSettings settings;  // with the number of seeds filled in
    const std::filesystem::path folder;
    CellCache cells;
    Progress progress{};
};

struct Findings {
    std::vector<NamedFigure> figures;
    std::vector<ResultTable> tables;
    std::vector<std::string> seen;  // in numbers, a paragraph each; also where the paper's effect does not show
    nlohmann::json setup;           // what was computed with: an object, for the page's last table
};

// A place in the code that a reader of the page may want to see.
struct CodePlace {
    const char* file;  // "models/swin/block.cpp"
    const char* text;  // which stands in a line of it, so that the line can be found
    const char* why;
};

struct Experiment {
    const char* name;
    const char* source;              // "Figure 2 and section 3.2"
    const char* shows;               // in a line, for the list
    const char* takes;               // on two slow cores
    bool learns;                     // takes --data and --seeds
    int64_t seeds;                   // by default; 1 with --quick
    std::vector<const char*> claim;  // what the paper says and why it should be so, a paragraph each
    std::vector<const char*> here;   // how it is tried, and what is otherwise than in the paper, likewise
    std::vector<CodePlace> code;
    Findings (*run)(ExperimentRun& run);
};

// Runs it in `folder`, prints its tables, and writes there cells.json, figures/ and report.html. Returns the exit code:
// 0, or exit_interrupted() where the user stopped it; then the same call goes on. Throws a UsageError, with nothing
// written, where the settings cannot be.
int run_experiment(const Experiment& experiment, ExperimentSettings settings, const std::filesystem::path& folder);

// report.html of an experiment; `figures` as they were drawn. Code is linked to where it lies below the current folder.
std::string experiment_page(const Experiment& experiment, const ExperimentRun& run, const Findings& findings,
                            const std::string& figures);

}  // namespace swingrad
