// Few images of new classes: a model that has learnt other classes goes on with them, in three ways, against one that
// begins from nothing.

#include "train/experiments/harness/short_training.h"
#include "train/experiments/harness/training.h"
#include "train/transfer/features.h"

#include <array>
#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr int64_t few = 25;        // images of each new class
constexpr int64_t first_kept = 7;  // of a data set's own classes, where it has no further ones

struct Way {
    const char* name;
    const char* key;
};
constexpr std::array<Way, 4> ways{{{"from nothing", "nothing"},
                                   {"all weights", "all"},
                                   {"rates falling by 0.8 a layer", "layer-decay"},
                                   {"the classifier alone", "probe"}}};

struct Plan {
    SwinRecipe before, after;
    int64_t measured;  // test images
};

Plan plan_of(const ExperimentSettings& settings) {
    Plan plan{recipe_of(settings), recipe_of(settings), 3000};
    for (SwinRecipe* recipe : {&plan.before, &plan.after}) {
        recipe->on_nan = "skip";
        recipe->validation = 0;
    }
    plan.before.epochs = parse_data_source(settings.data).kind == "shapes" ? 30 : 8;
    plan.after.epochs = 100;
    plan.after.batch_size = 25;
    plan.after.warmup_epochs = 5;
    plan.after.lr = 5e-4;
    if (settings.quick) {
        for (SwinRecipe* recipe : {&plan.before, &plan.after}) {
            recipe->img_size = 16;
            recipe->model_args = {{"embed_dim", 16}, {"depths", {1, 1}}, {"num_heads", {1, 2}}, {"patch_size", 2}};
            recipe->epochs = 1;
            recipe->warmup_epochs = 0.25;
        }
        plan.before.batch_size = 400;
        plan.measured = 200;
    }
    return plan;
}

SwinRecipe recipe_for(const Plan& plan, const Way& way, int64_t seed) {
    SwinRecipe recipe = plan.after;
    recipe.seed = seed;
    const std::string key = way.key;
    if (key == "layer-decay") recipe.layer_decay = 0.8;
    if (key == "probe") recipe.freeze = all_but_the_head;
    return recipe;
}

// The old classes to learn from, and of the new ones what there is of each split.
struct Classes {
    Dataset old_training, old_test, new_training, new_test;
};
Classes classes_of(const std::string& data, const Plan& plan) {
    const int64_t size = plan.before.img_size;
    ExperimentImages images(data, {size, size});
    constexpr int64_t all = 1 << 30;
    if (parse_data_source(data).kind == "shapes") {
        ExperimentImages more("shapes:more", {size, size});
        return {images.training(all), images.test(plan.measured), more.training(all), more.test(plan.measured)};
    }
    const int64_t classes = images.classes(), kept = std::min(first_kept, classes - 1);
    const Dataset &training = images.training(all), &test = images.test(all);
    return {of_classes(training, 0, kept), of_classes(test, 0, kept), of_classes(training, kept, classes),
            of_classes(test, kept, classes)};
}

json measure(const Plan& plan, const SwinRecipe& before, const SwinRecipe& after, bool begun,
             const std::filesystem::path& weights, ExperimentRun& run) {
    const Classes classes = classes_of(run.settings.data, plan);
    const Normalisation normalisation = normalisation_of(parse_data_source(run.settings.data).kind);
    if (begun && !std::filesystem::exists(weights)) {
        const json learnt = train_shortly({.recipe = before,
                                           .training = classes.old_training,
                                           .test = classes.old_test,
                                           .normalisation = normalisation,
                                           .kept_in = weights},
                                          run, "the first classes");
        check(learnt.at("stopped") == "", "[experiment] learning the first classes failed: {}",
              learnt.at("stopped").get<std::string>());
    }
    const Dataset some = few_of_each(classes.new_training, few, Random{static_cast<uint64_t>(after.seed), 12});
    json result = train_shortly({.recipe = after,
                                 .training = some,
                                 .test = classes.new_test,
                                 .normalisation = normalisation,
                                 .begun_from = begun ? weights : ""},
                                run, "the new classes");
    result["new_classes"] = some.classes.size();
    result["old_classes"] = classes.old_training.classes.size();
    return result;
}

std::string compared(const Way& way, const Spread& with, const Spread& without) {
    const double difference = with.mean - without.mean;
    const std::string text =
        fmt::format("Begun from what was learnt, {}: {:+.1f} points more than from nothing", way.name, difference);
    if (with.seeds < 2) return text + "; a single seed does not say whether that is more than chance.";
    const double error = error_of_difference(with, without);
    const bool more = std::abs(difference) > 2 * error;
    return text + fmt::format(", {} twice the standard error of {:.1f}: {}.", more ? "more than" : "not more than",
                              error,
                              !more            ? "none that these seeds can show"
                              : difference > 0 ? "it helps"
                                               : "it harms");
}

Findings run_finetune(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings);
    std::vector<Cell> cells;
    for (const Way& way : ways)
        for (int64_t seed = 0; seed < run.settings.seeds; ++seed) {
            SwinRecipe before = plan.before;
            before.seed = seed;
            const SwinRecipe after = recipe_for(plan, way, seed);
            const bool begun = std::string(way.key) != "nothing";
            json configuration{{"measure", "finetune"},
                               {"recipe", to_json(after)},
                               {"images", few},
                               {"measured_images", plan.measured}};
            if (begun) configuration["before"] = to_json(before);
            const auto weights =
                run.folder / "weights" /
                (file_name_of(fmt::format("first classes, seed {}", seed), to_json(before)) + ".safetensors");
            cells.push_back({fmt::format("{}, seed {}", way.name, seed), configuration,
                             [&plan, &run, before, after, begun, weights] {
                                 return measure(plan, before, after, begun, weights, run);
                             }});
        }
    const std::vector<json> results = run.cells.results_of(cells, run.progress);
    const auto seeds = static_cast<size_t>(run.settings.seeds);
    std::vector<Spread> accuracies;
    for (size_t way = 0; way < ways.size(); ++way) {
        std::vector<double> values;
        for (size_t i = 0; i < seeds; ++i) values.push_back(number_of(results[way * seeds + i], "accuracy"));
        accuracies.push_back(spread_of(values));
    }
    ResultTable table{"Test accuracy on the new classes", {"begun from", "accuracy, %"}, {}};
    Figure figure{"Test accuracy on the new classes", "", "percent", {{"", {}, {}, {}}}};
    std::vector<std::string> seen;
    for (size_t way = 0; way < ways.size(); ++way) {
        table.rows.push_back({way == 0 ? "nothing" : fmt::format("the first classes; {}", ways.at(way).name),
                              text_of(accuracies[way], 1)});
        figure.x_names.emplace_back(ways.at(way).key);
        figure.series[0].x.push_back(static_cast<double>(way + 1));
        figure.series[0].y.push_back(accuracies[way].mean);
        figure.series[0].spread.push_back(accuracies[way].deviation);
        if (way > 0) seen.push_back(compared(ways.at(way), accuracies[way], accuracies[0]));
    }
    table.note = fmt::format(
        "{:.0f} classes are learnt first, from all of their images; then {:.0f} others, from {} images of each. The "
        "paper "
        "learns 22 thousand classes first, from 14 million images.",
        number_of(results.back(), "old_classes"), number_of(results.back(), "new_classes"), few);
    json setup = to_json(plan.after);
    setup.erase("seed");
    setup["seeds"] = run.settings.seeds;
    setup["epochs-of-the-first-classes"] = plan.before.epochs;
    setup["images-of-a-new-class"] = few;
    setup["most-test-images"] = plan.measured;
    return {{{"accuracy.svg", figure}}, {table}, seen, setup};
}

}  // namespace

extern const Experiment finetune_experiment;
const Experiment finetune_experiment{
    "finetune",
    "section 4, the transfer to other tasks",
    "accuracy on new classes with 25 images each, begun from other classes in three ways, against from nothing",
    "20 minutes",
    true,
    3,
    {"The paper's models are trained once on many images and then fine-tuned for each task: what was learnt of one set "
     "of "
     "classes is worth more than what few images of another can teach."},
    {"Nano learns the ten kinds of drawn shapes, or of another data set the first seven classes; then the five further "
     "kinds of shapes, or the other classes, from 25 images each: with all weights, with rates that fall by 0.8 from "
     "layer "
     "to layer, or with the classifier alone; and, with the same recipe, from nothing.",
     "The same recipe for all ways, chosen before any result: each could be tuned for itself."},
    {{"train/transfer/initial_weights.cpp", "InitialWeights take_initial_weights(", "what fits is taken"},
     {"train/data/shapes/kinds.cpp", "double hexagon(", "the further kinds"},
     {"train/experiments/harness/short_training.cpp", "Dataset few_of_each(", "25 images each"}},
    run_finetune};

}  // namespace swingrad
