// From Swin V1 to V2 a switch at a time, and the places of the norms, by test accuracy after a short training. Each
// training is an ordinary run below the experiment's folder, with a report of its own.

#include "train/experiments/harness/training.h"

#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

struct Variant {
    const char* name;
    json switches;
    const char* paper_tiny;   // ImageNet-1K, Tables 6 and 8, "-" where there is none
    const char* paper_small;  // Tables 6 and 7
};

// The first table takes the first four, each with one switch more; key bias goes with the score, merging's norm with
// the block's. The second has V2's norms in other places, and V2 again.
const std::vector<Variant>& variants() {
    static const std::vector<Variant> all{
        {"V1", {{"architecture", "swin"}}, "81.5", "83.2"},
        {"+ res-post-norm",
         {{"architecture", "swin"}, {"norm", "res-post"}, {"merging_norm", "after"}},
         "81.6",
         "83.3"},
        {"+ cosine attention", {{"position_bias", "table"}}, "81.7", "83.6"},
        {"+ log-CPB: V2", json::object(), "81.8", "83.7"},
        {"pre", {{"norm", "pre"}}, "-", "83.2"},
        {"sandwich", {{"norm", "sandwich"}}, "-", "82.6"},
        {"post", {{"norm", "post"}}, "-", "83.3"},
    };
    return all;
}
constexpr size_t v2 = 3;  // among them

// nano with 32 channels, so that all of it takes less than half an hour.
SwinRecipe plan_of(const ExperimentSettings& settings) {
    SwinRecipe recipe = recipe_of(settings);
    recipe.validation = 0;
    recipe.epochs = parse_data_source(settings.data).kind == "shapes"
                        ? 12
                        : 2;  // about as many steps: CIFAR-10 has six times the images
    recipe.warmup_epochs = 0.1 * static_cast<double>(recipe.epochs);
    recipe.model_args = {{"embed_dim", 32}, {"num_heads", {2, 4}}};
    if (settings.quick) {
        recipe.img_size = 16;
        recipe.batch_size = 400;
        recipe.epochs = 1;
        recipe.model_args = {{"embed_dim", 16}, {"depths", {1, 1}}, {"num_heads", {1, 2}}};
    }
    return recipe;
}

json measure(const SwinRecipe& recipe, const std::filesystem::path& folder) {
    const LogTable log = train_in_folder(recipe, folder);
    check(log.test.is_object() && !log.epochs.empty(), "[experiment] {}: its log.jsonl lacks an epoch, or the test",
          folder.string());
    return {{"test_accuracy", log.test.value("test_accuracy", json())},  // null where it is not finite
            {"test_loss", log.test.value("test_loss", json())},
            {"train_loss", log.epochs.back().value("train_loss", json())},
            {"run", folder.filename().string()}};
}

// ---- what is made of them

struct Group {  // the seeds of a variant
    const Variant* variant;
    std::vector<json> results;

    Spread of(const char* name) const {
        std::vector<double> values;
        for (const json& one : results) values.push_back(number_of(one, name));
        return spread_of(values);
    }
};

ResultTable table_of(const std::string& title, const std::vector<Group>& groups) {
    ResultTable table{title, {"model", "test accuracy, %", "test loss", "training loss", "paper, T", "paper, S"}, {}};
    for (const Group& group : groups)
        table.rows.push_back({group.variant->name, text_of(group.of("test_accuracy"), 2),
                              text_of(group.of("test_loss"), 3), text_of(group.of("train_loss"), 3),
                              group.variant->paper_tiny, group.variant->paper_small});
    return table;
}

Figure figure_of(const std::string& title, const std::vector<Group>& groups) {
    Figure figure{title, "", "test accuracy, %", {{"mean and deviation", {}, {}, {}}}};
    Series& bars = figure.series.front();
    for (const Group& group : groups) {
        const Spread accuracy = group.of("test_accuracy");
        figure.x_names.emplace_back(group.variant->name);
        bars.x.push_back(static_cast<double>(figure.x_names.size()));
        bars.y.push_back(accuracy.mean);
        bars.spread.push_back(accuracy.deviation);
    }
    return figure;
}

std::string compared(const Group& before, const Group& after) {
    return difference_text(fmt::format("From \"{}\" to \"{}\"", before.variant->name, after.variant->name),
                           before.of("test_accuracy"), after.of("test_accuracy"), "points of accuracy");
}

std::vector<std::string> seen_in(const std::vector<Group>& steps, const std::vector<Group>& norms) {
    std::vector<std::string> texts;
    for (size_t i = 1; i < steps.size(); ++i) texts.push_back(compared(steps[i - 1], steps[i]));
    for (size_t i = 0; i + 1 < norms.size(); ++i) texts.push_back(compared(norms[i], norms.back()));
    return texts;
}

std::vector<Cell> cells_of(const ExperimentRun& run) {
    std::vector<Cell> cells;
    for (const Variant& variant : variants())
        for (int64_t seed = 0; seed < run.settings.seeds; ++seed) {
            SwinRecipe recipe = plan_of(run.settings);
            recipe.seed = seed;
            recipe.model_args.update(variant.switches);
            const json configuration{{"measure", "training"}, {"recipe", to_json(recipe)}};
            const std::string label = fmt::format("{}, seed {}", variant.name, seed);
            const auto folder = run.folder / "runs" / file_name_of(label, configuration);
            cells.push_back({label, configuration, [recipe, folder] { return measure(recipe, folder); }});
        }
    return cells;
}

std::vector<Group> groups_of(ExperimentRun& run) {
    const std::vector<json> results = run.cells.results_of(cells_of(run), run.progress);
    const auto seeds = static_cast<std::ptrdiff_t>(run.settings.seeds);
    std::vector<Group> groups;
    for (auto first = results.begin(); first != results.end(); first += seeds)
        groups.push_back({&variants()[groups.size()], {first, first + seeds}});
    return groups;
}

Findings run_ablation(ExperimentRun& run) {
    const std::vector<Group> all = groups_of(run);
    const std::vector<Group> steps(all.begin(), all.begin() + v2 + 1);
    std::vector<Group> norms(all.begin() + v2 + 1, all.end());
    norms.push_back(all[v2]);
    const std::string first = "From V1 to V2 (Tables 6 and 8)", second = "Where the norms stand (Table 7)";
    std::vector<ResultTable> tables{table_of(first, steps), table_of(second, norms)};
    tables[0].note =
        "Each row has the switches of those above it. The paper's numbers are ImageNet-1K top-1 of Swin-T and "
        "Swin-S; log-CPB's are those of Tables 1 and 8, of another training.";
    tables[1].note =
        "All else is V2's. The paper trains post-norm at a quarter of the learning rate; here all have the same.";
    json setup = to_json(plan_of(run.settings));
    setup["seeds"] = run.settings.seeds;
    setup.erase("seed");
    return {{{"v1-to-v2.svg", figure_of(first, steps)}, {"norms.svg", figure_of(second, norms)}},
            tables,
            seen_in(steps, norms),
            setup};
}

}  // namespace

extern const Experiment ablation_experiment;
const Experiment ablation_experiment{
    "ablation",
    "Tables 6, 7 and 8",
    "what each of V2's changes is worth in test accuracy, several seeds",
    "25 minutes",
    true,
    3,
    {"V2 is V1 with three changes: norms at the end of the branches (Table 6), cosine attention (Table 6), and a "
     "position bias that a network computes from log-spaced offsets (Table 8). At the sizes T, S and B each is worth "
     "a few tenths of a point; they are made for models that are far larger, which without them would not train.",
     "Table 7 compares four places for the norms with all else as it is."},
    {"Each model is nano with 32 channels, trained for 2 passes over the images, or for 12 over the shapes, which "
     "are few. The paper's are a hundred times as large and see ImageNet-1K for 300 epochs. So what is seen here is "
     "how fast a model learns at first; differences of a few tenths of a point, as in the paper, are smaller than "
     "those between seeds.",
     "Every training is an ordinary run, with its own report, in the folder runs beside this page."},
    {{"models/swin/config.cpp", "void use_v1_switches(", "the five switches of V1"},
     {"models/swin/block.cpp", "Tensor Block::with_branch(", "the four places of a norm"},
     {"models/swin/window_attention.cpp", "WindowAttention::WindowAttention(",
      "cosine or dot product, table or network"},
     {"ops/attention/continuous_position_bias.cpp", "namespace swingrad", "log-CPB"}},
    run_ablation};

}  // namespace swingrad
