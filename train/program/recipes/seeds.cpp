#include "train/program/recipes/seeds.h"

#include "core/io/file.h"
#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/stored_tensors.h"
#include "train/program/console/output.h"
#include "train/program/console/text.h"
#include "train/program/images/data_source.h"
#include "train/program/report/log_table.h"
#include "train/program/report/result_table.h"
#include "train/program/run/fingerprint.h"
#include "train/program/run/run_folder.h"
#include "train/program/weights/origin.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

fs::path plan_file(const fs::path& folder) { return folder / "seeds.json"; }

struct Plan {
    SwinRecipe recipe;  // with the first seed
    int64_t seeds = 0;
    RunOrigin origin;
    std::string init_fingerprint;  // of the weights that all begin from; empty where there are none

    RunFolder run(const fs::path& folder, int64_t number) const {
        return {folder / fmt::format("seed{}", recipe.seed + number)};
    }
};

void write(const Plan& plan, const fs::path& folder) {
    const nlohmann::json json{{"seeds", plan.seeds},
                              {"recipe", plan.origin.recipe},
                              {"init_fingerprint", plan.init_fingerprint},
                              {"settings", to_json(plan.recipe)}};
    write_file_atomically(plan_file(folder), json.dump(2) + "\n");
}

Plan read(const fs::path& folder) {
    const std::string name = plan_file(folder).string();
    const nlohmann::json json = read_json_file(plan_file(folder));
    const auto member = [&](const char* key) {
        check(json.is_object() && json.contains(key), "[seeds] {}: no \"{}\" in it", name, key);
        return json[key];
    };
    const nlohmann::json seeds = member("seeds"), recipe = member("recipe"), init = member("init_fingerprint");
    check(is_int64(seeds) && seeds >= 1 && seeds <= most_seeds_of_a_recipe,
          "[seeds] {}: \"seeds\" must be 1 to {}, got {}", name, most_seeds_of_a_recipe, json_text(seeds));
    check(recipe.is_string(), "[seeds] {}: \"recipe\" must be a text, got {}", name, json_text(recipe));
    check(init.is_string(), "[seeds] {}: \"init_fingerprint\" must be a text, got {}", name, json_text(init));
    Plan plan{{}, seeds, {recipe}, init};
    update(plan.recipe, member("settings"), name);
    validate(plan.recipe);
    return plan;
}

// What a run reached, NaN where it says nothing.
struct Reached {
    double validation = NAN, test = NAN, minutes = NAN;
};

Reached reached_by(const RunFolder& run, const std::string& score) {
    const LogTable log = read_log(run.log());
    Reached reached;
    for (const double one : log.column("validation_" + score)) reached.validation = std::fmax(reached.validation, one);
    const nlohmann::json test = log.test.is_object() ? log.test.value("test_" + score, nlohmann::json()) : nullptr;
    if (test.is_number()) reached.test = test;
    if (const std::vector<double> seconds = log.column("seconds"); !seconds.empty())
        reached.minutes = seconds.back() / 60;
    return reached;
}

std::string number(double value, int places) {
    return std::isfinite(value) ? fmt::format("{:.{}f}", value, places) : "-";
}

ResultTable table_of(const Plan& plan, const fs::path& folder) {
    const bool of_pixels = plan.recipe.task == "segmentation";
    const std::string score = of_pixels ? "mean IoU" : "accuracy";
    ResultTable table{"", {"seed", "best validation " + score, "test " + score, "minutes"}, {}};
    std::vector<double> validation, test, minutes;
    for (int64_t i = 0; i < plan.seeds; ++i) {
        const Reached one = reached_by(plan.run(folder, i), of_pixels ? "mean_iou" : "accuracy");
        validation.push_back(one.validation), test.push_back(one.test), minutes.push_back(one.minutes);
        table.rows.push_back({fmt::format("{}", plan.recipe.seed + i), number(one.validation, 2), number(one.test, 2),
                              number(one.minutes, 1)});
    }
    table.rows.push_back({"mean +- deviation", text_of(spread_of(validation), 2), text_of(spread_of(test), 2),
                          text_of(spread_of(minutes), 1)});
    return table;
}

std::string markdown_of(const ResultTable& table) {
    const auto line = [](const std::vector<std::string>& cells) {
        std::string text = "|";
        for (const std::string& cell : cells) text += " " + cell + " |";
        return text + "\n";
    };
    std::string text = line(table.columns) + line(std::vector<std::string>(table.columns.size(), "---"));
    for (const auto& row : table.rows) text += line(row);
    return text;
}

std::string fingerprint_of_init(const SwinRecipe& recipe) {
    return recipe.init.empty() ? "" : fingerprint_of_files(open_tensors(origin_of(recipe.init).weights).files);
}

int start_seed(const Plan& plan, const SwinRecipe& recipe, const fs::path& run) {
    RunOrigin origin = plan.origin;
    if (!recipe.init.empty()) {
        check(fingerprint_of_init(recipe) == plan.init_fingerprint,
              "[seeds] --init {}: not the weights that other seeds began from: they have changed since", recipe.init);
        origin.model = origin_of(recipe.init).card;
    }
    return start_run(recipe, run, origin);
}

int go_through(const Plan& plan, const fs::path& folder, const ResumeOptions& options) {
    for (int64_t i = 0; i < plan.seeds; ++i) {
        const RunFolder run = plan.run(folder, i);
        SwinRecipe recipe = plan.recipe;
        recipe.seed += i;
        if (!options.data.empty()) recipe.data = options.data;
        const bool begun = fs::exists(run.config());
        if (begun && fs::exists(run.log()) && read_log(run.log()).finished) continue;
        print_line(fmt::format("seed {}, {} of {}", recipe.seed, i + 1, plan.seeds));
        const int code = begun ? resume_run(run.path, options) : start_seed(plan, recipe, run.path);
        if (code != 0) {
            print_line(fmt::format("to go on with all seeds: swingrad train --resume {}", path_word(folder)));
            return code;
        }
    }
    const ResultTable table = table_of(plan, folder);
    write_file_atomically(folder / "seeds.md", markdown_of(table));
    print_line("\n" + text_of(table));
    print_line(fmt::format("in {}", (folder / "seeds.md").string()));
    return 0;
}

}  // namespace

fs::path default_seeds_folder(const SwinRecipe& recipe, int64_t seeds) {
    return fs::path("runs") / fmt::format("{}-{}-seeds{}to{}", recipe.model, parse_data_source(recipe.data).kind,
                                          recipe.seed, recipe.seed + seeds - 1);
}

int train_seeds(const SwinRecipe& recipe, int64_t seeds, const fs::path& folder, const RunOrigin& origin) {
    check(!fs::exists(folder) || (fs::is_directory(folder) && fs::is_empty(folder)),
          "{0} exists already: go on with it by --resume {0}, or choose another --output", path_word(folder));
    Plan plan{recipe, seeds, origin, fingerprint_of_init(recipe)};
    plan.recipe.data = lasting_source(recipe.data);
    const bool made = make_folders(folder);
    write(plan, folder);
    try {
        return go_through(plan, folder, {});
    } catch (...) {
        std::error_code error;
        // A plan of which nothing came is as good as none.
        if (!fs::exists(plan.run(folder, 0).config())) {
            fs::remove(plan_file(folder), error);
            if (made) fs::remove(folder, error);
        }
        throw;
    }
}

bool is_of_seeds(const fs::path& folder) { return fs::exists(plan_file(folder)); }

int resume_seeds(const fs::path& folder, const ResumeOptions& options) {
    return go_through(read(folder), folder, options);
}

}  // namespace swingrad
