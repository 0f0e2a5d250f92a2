// A class for each pixel, with V1's switches and with V2's, and the trained model on images of twice the size with
// twice the window. Each training is an ordinary run below the experiment's folder.

#include "train/experiments/harness/training.h"
#include "train/loop/checkpoint.h"
#include "train/loop/evaluate.h"
#include "train/program/images/data_source.h"
#include "train/program/run/run_folder.h"
#include "train/program/tasks/task.h"

#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

struct Variant {
    const char* name;
    json switches;
};

const std::vector<Variant>& variants() {
    static const std::vector<Variant> all{{"V1", {{"architecture", "swin"}}},
                                          {"V2, a table", {{"position_bias", "table"}}},
                                          {"V2, linear-CPB", {{"position_bias", "linear-cpb"}}},
                                          {"V2", json::object()}};
    return all;
}
constexpr int64_t trained_window = 4;

SwinRecipe plan_of(const ExperimentSettings& settings) {
    SwinRecipe recipe = recipe_of(settings);
    recipe.task = "segmentation";
    recipe.validation = 0;
    recipe.epochs = 20;
    recipe.warmup_epochs = 1;
    recipe.label_smoothing = 0;
    recipe.model_args = {{"embed_dim", 32}, {"num_heads", {2, 4}}, {"window_size", trained_window}};
    if (settings.quick) {
        recipe.img_size = 16;
        recipe.batch_size = 400;
        recipe.epochs = 1;
        recipe.head_width = 8;
        recipe.model_args = {
            {"embed_dim", 16}, {"depths", {1, 1}}, {"num_heads", {1, 2}}, {"patch_size", 2}, {"window_size", 4}};
    }
    return recipe;
}

// The trained window goes into pretrained_window_sizes, so that an offset of so many tokens keeps its coordinate.
SwinRecipe of_twice_the_size(SwinRecipe recipe) {
    recipe.img_size *= 2;
    recipe.model_args["window_size"] = 2 * trained_window;
    recipe.model_args["pretrained_window_sizes"] = trained_window;
    return recipe;
}

// The test images at the recipe's size, by the weights of a run.
PixelCounts judged(const SwinRecipe& recipe, const RunFolder& trained) {
    const Task& task = task_named(recipe.task);
    const RunConfig run = read_config(trained);
    LoadOptions options{.extent = {recipe.img_size, recipe.img_size}, .classes = run.classes};
    options.any_size = options.masks = true;
    const DataSource source = parse_data_source(recipe.data);
    const Dataset data = load_dataset(source, split_to_judge(source), options);
    const auto model = task.model(recipe, model_of(recipe, static_cast<int64_t>(run.classes.size())));
    const Parameters parameters(*model, dtype_of_precision(recipe.precision), Random{}, choose_device(recipe.device),
                                Gradients::no);
    load_weights(trained.weights(), parameters, OtherSizes::resample);
    const auto samples = task.to_judge(data, recipe, run.normalisation, preparation_of(recipe));
    const Evaluation evaluation = evaluate(
        *model, parameters, *samples, recipe.batch_size, [](int64_t) { stop_if_interrupted(); },
        task.loss_of_judging(recipe));
    return evaluation.pixels.value_or(PixelCounts{});
}

json measure(const SwinRecipe& recipe, const RunFolder& trained) {
    if (!std::filesystem::exists(trained.weights())) train_in_folder(recipe, trained.path);
    const PixelCounts own = judged(recipe, trained), twice = judged(of_twice_the_size(recipe), trained);
    json classes = json::array();
    for (int64_t k = 0; k < own.classes(); ++k) classes.push_back(own.iou(k));
    return {{"own", own.mean_iou()},
            {"pixels", own.accuracy()},
            {"classes", classes},
            {"twice", twice.mean_iou()},
            {"run", trained.path.filename().string()}};
}

// ---- what is made of it

struct Group {  // the seeds of a variant
    const char* name;
    std::vector<json> results;

    Spread of(const char* what) const {
        std::vector<double> values;
        for (const json& one : results) values.push_back(number_of(one, what));
        return spread_of(values);
    }
    Spread kept() const {  // points of IoU that twice the size is better, or worse
        std::vector<double> values;
        for (const json& one : results) values.push_back(number_of(one, "twice") - number_of(one, "own"));
        return spread_of(values);
    }
};

std::vector<Group> groups_of(ExperimentRun& run) {
    std::vector<Cell> cells;
    for (const Variant& variant : variants())
        for (int64_t seed = 0; seed < run.settings.seeds; ++seed) {
            SwinRecipe recipe = plan_of(run.settings);
            recipe.seed = seed;
            recipe.model_args.update(variant.switches);
            const json configuration{{"measure", "segmentation"}, {"recipe", to_json(recipe)}};
            const std::string label = fmt::format("{}, seed {}", variant.name, seed);
            const RunFolder trained{run.folder / "runs" / file_name_of(label, configuration)};
            cells.push_back({label, configuration, [recipe, trained] { return measure(recipe, trained); }});
        }
    const std::vector<json> results = run.cells.results_of(cells, run.progress);
    const auto seeds = static_cast<std::ptrdiff_t>(run.settings.seeds);
    std::vector<Group> groups;
    for (auto first = results.begin(); first != results.end(); first += seeds)
        groups.push_back({variants()[groups.size()].name, {first, first + seeds}});
    return groups;
}

Figure figure_of(const std::vector<Group>& groups) {
    Figure figure{"Mean IoU", "", "percent", {{"at the trained size", {}, {}, {}}, {"at twice the size", {}, {}, {}}}};
    for (const Group& group : groups) {
        figure.x_names.emplace_back(group.name);
        for (size_t i = 0; i < 2; ++i) {
            const Spread iou = group.of(i == 0 ? "own" : "twice");
            figure.series[i].x.push_back(static_cast<double>(figure.x_names.size()));
            figure.series[i].y.push_back(iou.mean);
            figure.series[i].spread.push_back(iou.deviation);
        }
    }
    return figure;
}

Findings run_segmentation(ExperimentRun& run) {
    const std::vector<Group> groups = groups_of(run);
    ResultTable table{"Mean IoU by switches",
                      {"model", "mean IoU, %", "pixels right, %", "at twice the size, %", "points kept or lost"},
                      {}};
    for (const Group& group : groups)
        table.rows.push_back({group.name, text_of(group.of("own"), 2), text_of(group.of("pixels"), 2),
                              text_of(group.of("twice"), 2), text_of(group.kept(), 2)});
    table.note =
        "On test images. Twice the size: the same weights, windows of twice as many tokens a side, no training. The "
        "paper's largest model has 59.9 on ADE20K.";
    const Group &v1 = groups.front(), &v2 = groups.back();
    std::vector<std::string> seen{
        difference_text("From V1's switches to V2's, at the trained size", v1.of("own"), v2.of("own")),
        difference_text("From V1's switches to V2's, at twice the size", v1.of("twice"), v2.of("twice"))};
    for (size_t i = 1; i + 1 < groups.size(); ++i)
        seen.push_back(
            difference_text(fmt::format("What twice the size costs, from \"{}\" to \"{}\"", groups[i].name, v2.name),
                            groups[i].kept(), v2.kept()));
    json setup = to_json(plan_of(run.settings));
    setup["seeds"] = run.settings.seeds;
    setup.erase("seed");
    return {{{"mean-iou.svg", figure_of(groups)}}, {table}, seen, setup};
}

}  // namespace

extern const Experiment segmentation_experiment;
const Experiment segmentation_experiment{
    "segmentation",
    "Table 4 and section 3.3",
    "mean IoU of V1's switches and of V2's, and with twice the window on twice the image",
    "15 minutes",
    true,
    2,
    {"Segmentation is one of the tasks that the paper takes its models to: SwinV2-G with UPerNet has 59.9 mean IoU on "
     "ADE20K, 1.5 points more than any model before it. Models are trained on images of one size and asked on larger "
     "ones, with larger windows.",
     "A position bias from log-spaced offsets was made for that: of the offsets of the larger window it has to "
     "extrapolate the least (section 3.3)."},
    {"Four models of nano's depth with 32 channels learn the class of each pixel of the drawn shapes, 10 kinds and the "
     "background, for 20 passes: V1's switches, V2's, and V2's with another position bias. The head sums the stages' "
     "maps. Then each is asked on the same scenes drawn at twice the size, with windows of twice as many tokens a side "
     "and the trained window in pretrained_window_sizes. Nothing is trained there.",
     "The paper's models are thousands of times as large, and start from classifiers that saw 70 million images. Its "
     "gain from model to model can not be had here; which switches matter at this size is what is asked. A scene "
     "drawn at twice the size shows more detail, as a larger photograph does."},
    {{"models/segmentation/heads.cpp", "Tensor SumHead::forward(", "the stages' maps, summed"},
     {"models/segmentation/segmentation_swin.cpp", "Tensor SegmentationSwin::forward(", "logits of pixels"},
     {"train/loop/evaluate.cpp", "double PixelCounts::iou(", "what IoU is"},
     {"train/data/masked_samples.cpp", "Batch MaskedSamples::batch(", "a mask goes the way of its picture"}},
    run_segmentation};

}  // namespace swingrad
