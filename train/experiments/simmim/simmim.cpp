// Whether telling hidden patches, without labels, helps where labels are few: fine-tuning on 1, 10 and 100 % of the
// labels against training from nothing, both with as many images through the network in all.

#include "train/experiments/harness/classes.h"
#include "train/experiments/harness/short_training.h"
#include "train/experiments/harness/training.h"
#include "train/program/run/run_folder.h"

#include <array>
#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr std::array<int64_t, 3> shares{1, 10, 100};  // percent of the labels

struct Plan {
    SwinRecipe masked, labelled;
    std::array<int64_t, 3> epochs{40, 20, 5};  // of fine-tuning, by share
    int64_t images;                            // to learn from at most, and to be judged by
    int64_t measured;
};

Plan plan_of(const ExperimentSettings& settings) {
    Plan plan{recipe_of(settings), recipe_of(settings), {40, 20, 5}, 50000, 10000};
    plan.masked.task = "simmim";
    plan.masked.validation = 0;
    plan.masked.epochs = 5;
    plan.masked.warmup_epochs = 0.5;
    plan.masked.crop_padding = 0;
    plan.labelled.on_nan = "skip";
    plan.labelled.validation = 0;
    plan.labelled.batch_size = 64;  // of 1 % of the images there are only a few hundred
    if (settings.quick) {
        const json tiny{{"embed_dim", 16}, {"depths", {1, 1}}, {"num_heads", {1, 2}}, {"patch_size", 2}};
        for (SwinRecipe* recipe : {&plan.masked, &plan.labelled}) {
            recipe->img_size = 16;
            recipe->model_args = tiny;
            recipe->epochs = 1;
        }
        plan.masked.batch_size = 400;
        plan.epochs = {2, 1, 1};
        plan.images = 8000;
        plan.measured = 400;
    }
    return plan;
}

// With as many images through the network as pre-training and fine-tuning have together.
int64_t epochs_from_nothing(const Plan& plan, size_t share) {
    return plan.epochs.at(share) + plan.masked.epochs * 100 / shares.at(share);
}

json measure(const Plan& plan, const SwinRecipe& recipe, const SwinRecipe* masked, size_t share,
             const RunFolder& pretrained, ExperimentImages& images, ExperimentRun& run) {
    if (masked && !std::filesystem::exists(pretrained.weights())) train_in_folder(*masked, pretrained.path);
    const Dataset& all = images.training(plan.images);
    const auto classes = static_cast<int64_t>(all.classes.size());
    const int64_t each = all.size() * shares.at(share) / 100 / classes;
    const Dataset some = few_of_each(all, std::max<int64_t>(1, each), Random{static_cast<uint64_t>(recipe.seed), 11});
    json result = train_shortly({.recipe = recipe,
                                 .training = some,
                                 .test = images.test(plan.measured),
                                 .normalisation = images.normalisation(),
                                 .begun_from = masked ? pretrained.weights() : ""},
                                run, masked ? "fine-tuning" : "from nothing");
    result["labels"] = some.size();
    return result;
}

struct Pair {
    Spread masked, nothing;
    int64_t labels = 0;
};

std::vector<Pair> pairs_of(const Plan& plan, ExperimentImages& images, ExperimentRun& run) {
    std::vector<Cell> cells;
    for (int64_t seed = 0; seed < run.settings.seeds; ++seed) {
        SwinRecipe masked = plan.masked;
        masked.seed = seed;
        const RunFolder pretrained{run.folder / "runs" /
                                   file_name_of(fmt::format("masked, seed {}", seed), to_json(masked))};
        for (size_t share = 0; share < shares.size(); ++share)
            for (const bool begun : {true, false}) {
                SwinRecipe recipe = plan.labelled;
                recipe.seed = seed;
                recipe.epochs = begun ? plan.epochs.at(share) : epochs_from_nothing(plan, share);
                recipe.warmup_epochs = std::min(recipe.warmup_epochs, static_cast<double>(recipe.epochs) / 4);
                json configuration{{"measure", "simmim"},
                                   {"recipe", to_json(recipe)},
                                   {"share", shares.at(share)},
                                   {"images", plan.images},
                                   {"measured_images", plan.measured}};
                if (begun) configuration["masked"] = to_json(masked);
                cells.push_back({fmt::format("{} % of labels, {}, seed {}", shares.at(share),
                                             begun ? "masked images first" : "from nothing", seed),
                                 configuration, [&plan, &images, &run, recipe, masked, share, pretrained, begun] {
                                     return measure(plan, recipe, begun ? &masked : nullptr, share, pretrained, images,
                                                    run);
                                 }});
            }
    }
    const std::vector<json> results = run.cells.results_of(cells, run.progress);
    std::vector<Pair> pairs;
    for (size_t share = 0; share < shares.size(); ++share) {
        std::vector<double> masked, nothing;
        for (size_t i = 2 * share; i < results.size(); i += 2 * shares.size()) {
            masked.push_back(number_of(results[i], "accuracy"));
            nothing.push_back(number_of(results[i + 1], "accuracy"));
        }
        pairs.push_back(
            {spread_of(masked), spread_of(nothing), static_cast<int64_t>(number_of(results[2 * share], "labels"))});
    }
    return pairs;
}

Findings run_simmim(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings);
    ExperimentImages images(run.settings.data, {plan.labelled.img_size, plan.labelled.img_size});
    const std::vector<Pair> pairs = pairs_of(plan, images, run);
    ResultTable table{"Test accuracy by labels",
                      {"labels", "images with labels", "masked images first, %", "from nothing, %", "points"},
                      {}};
    Figure figure{"Test accuracy",
                  "share of labels",
                  "percent",
                  {{"masked images first", {}, {}, {}}, {"from nothing", {}, {}, {}}}};
    std::vector<std::string> seen;
    for (size_t i = 0; i < pairs.size(); ++i) {
        const Pair& pair = pairs[i];
        table.rows.push_back({fmt::format("{} %", shares.at(i)), fmt::format("{}", pair.labels),
                              text_of(pair.masked, 1), text_of(pair.nothing, 1),
                              fmt::format("{:+.1f}", pair.masked.mean - pair.nothing.mean)});
        figure.x_names.push_back(fmt::format("{} %", shares.at(i)));
        for (const auto& [series, spread] : {std::pair{0, pair.masked}, std::pair{1, pair.nothing}}) {
            Series& line = figure.series[static_cast<size_t>(series)];
            line.x.push_back(static_cast<double>(i + 1));
            line.y.push_back(spread.mean);
            line.spread.push_back(spread.deviation);
        }
        seen.push_back(difference_text(
            fmt::format("With {} % of the labels, from labels alone to masked images first", shares.at(i)),
            pair.nothing, pair.masked));
    }
    table.note = fmt::format(
        "Both sides see as many images in all: {} passes over all images without labels and then some over those with "
        "labels, or that many over those alone. The paper pre-trains its giant on 70 million images.",
        plan.masked.epochs);
    json setup = to_json(plan.labelled);
    setup.erase("seed");
    setup.erase("epochs");
    setup["seeds"] = run.settings.seeds;
    setup["epochs-of-masked-images"] = plan.masked.epochs;
    setup["epochs-with-labels"] = plan.epochs;
    setup["most-images"] = plan.images;
    setup["most-test-images"] = plan.measured;
    return {{{"accuracy.svg", figure}}, {table}, seen, setup};
}

}  // namespace

extern const Experiment simmim_experiment;
const Experiment simmim_experiment{
    "simmim",
    "section 4.1, and SimMIM, arXiv 2111.09886",
    "accuracy with 1, 10 and 100 % of the labels, after telling hidden patches or from nothing, in the same time",
    "25 minutes",
    true,
    3,
    {"Labels are what large models run out of. The paper trains its three billion parameters with 40 times fewer "
     "labels "
     "than others did, as the model first learns by SimMIM to tell hidden patches of images, for which no label is "
     "needed."},
    {"Nano tells hidden patches of all training images for five passes; then it learns the classes from a share of "
     "them. The other side learns the classes from the same share alone, and goes over it so often that as many images "
     "go through the network in all: a pass that tells patches costs about as much as one that learns classes.",
     "The paper's models are thousands of times as large, and pre-train for a hundred passes and more. Whether the "
     "effect can be had in a minute of two cores is what is asked."},
    {{"models/simmim/simmim_swin.cpp", "Tensor SimMimSwin::reconstruct(", "the token in the place of what is hidden"},
     {"models/simmim/loss.cpp", "Tensor masked_l1(", "how wrong what was told is"},
     {"models/simmim/masks.cpp", "Tensor draw_masks(", "what is hidden"},
     {"train/transfer/initial_weights.cpp", "InitialWeights take_initial_weights(", "a classifier begins from it"}},
    run_simmim};

}  // namespace swingrad
