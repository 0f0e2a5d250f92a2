// A model trained with one window, asked with larger ones on larger images, by how it knows positions. All else is Swin
// V2's. One training a kind, an ordinary run below the experiment's folder, is taken to every window.

#include "train/experiments/transfer.h"
#include "train/experiments/harness/training.h"
#include "train/experiments/window_transfer.h"
#include "train/loop/checkpoint.h"
#include "train/loop/evaluate.h"
#include "train/program/run/run_folder.h"

#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

struct Plan {
    SwinRecipe training;
    std::vector<int64_t> windows;  // the first is trained with
    int64_t fine_tuned, measured;  // images, or all where there are fewer
};

Plan plan_of(const ExperimentSettings& settings) {
    Plan plan{recipe_of(settings), {4, 6, 8, 16}, 3000, 3000};
    plan.training.validation = 0;
    plan.training.epochs = parse_data_source(settings.data).kind == "shapes" ? 30 : 5;  // about as many steps
    if (settings.quick) {
        plan.training.img_size = 16;
        plan.training.batch_size = 400;
        plan.training.epochs = 1;
        plan.training.model_args = {{"patch_size", 2}, {"embed_dim", 16}, {"depths", {1, 1}}, {"num_heads", {1, 2}}};
        plan.fine_tuned = plan.measured = 200;
    }
    return plan;
}

// The image grows with the window, so that it has as many windows as before. The trained window goes into
// pretrained_window_sizes, as in the paper's code: an offset of so many tokens keeps the coordinate it was trained
// with. No stage's map was smaller than the window, so it is the same for all.
SwinRecipe fine_tuning_of(const Plan& plan, SwinRecipe recipe, int64_t window) {
    const int64_t trained = plan.windows.front();
    recipe.img_size = recipe.img_size * window / trained;
    recipe.crop_padding = recipe.crop_padding * window / trained;
    recipe.model_args["window_size"] = window;
    recipe.model_args["pretrained_window_sizes"] = trained;
    recipe.epochs = 1;
    recipe.batch_size = 50;
    recipe.lr /= 10;
    recipe.warmup_epochs = 0.1;
    recipe.on_nan = "skip";
    return recipe;
}

// A control: the same larger image, and the window that was trained.
SwinRecipe with_trained_window(const Plan& plan, SwinRecipe recipe) {
    recipe.model_args["window_size"] = plan.windows.front();
    return recipe;
}

// ---- one cell

json measure(const Plan& plan, const SwinRecipe& training, const SwinRecipe& recipe, const RunFolder& trained,
             ExperimentImages& images, ExperimentRun& run) {
    if (!std::filesystem::exists(trained.weights())) train_in_folder(training, trained.path);
    const Extent extent{recipe.img_size, recipe.img_size};
    const Dataset seen = resized(images.training(plan.fine_tuned), extent);
    const Dataset test = resized(images.test(plan.measured), extent);
    const ImageSamples judged(test, images.normalisation());
    const SwinConfig model = model_of(recipe, images.classes());
    SwinTrainer trainer(recipe, model, seen, images.normalisation());
    load_weights(trained.weights(), trainer.parameters(), OtherSizes::resample);
    const auto accuracy_of = [&](SwinV2& swin, const Parameters& parameters) {
        return evaluate(swin, parameters, judged, recipe.batch_size, [](int64_t) { stop_if_interrupted(); }).accuracy;
    };
    const auto accuracy = [&] { return accuracy_of(trainer.model(), trainer.parameters()); };
    const auto bias = [&] {
        return model.position_bias == PositionBias::none ? std::vector<double>()
                                                         : bias_map(model, trainer.parameters(), 0);
    };
    json result{{"run", trained.path.filename().string()}, {"test_images", test.size()}};
    result["without"] = {{"accuracy", accuracy()}, {"bias", bias()}};
    SwinV2 kept(model_of(with_trained_window(plan, recipe), images.classes()));
    const Parameters of_kept(kept, dtype_of_precision(recipe.precision), Random{}, choose_device(recipe.device),
                             Gradients::no);
    load_weights(trained.weights(), of_kept, OtherSizes::resample);
    result["kept"] = {{"accuracy", accuracy_of(kept, of_kept)}};
    result["stopped"] = train_through(trainer, run, "fine-tuning");
    result["with"] = {{"accuracy", result["stopped"] == "" ? accuracy() : NAN}, {"bias", bias()}};
    return result;
}

std::vector<Cell> cells_of(const Plan& plan, ExperimentImages& images, ExperimentRun& run) {
    std::vector<Cell> cells;
    for (const char* kind : transfer_kinds)
        for (int64_t seed = 0; seed < run.settings.seeds; ++seed) {
            SwinRecipe training = plan.training;
            training.seed = seed;
            const bool absolute = std::string_view(kind) == "absolute";
            training.model_args["position_bias"] = absolute ? "none" : kind;
            if (absolute) training.model_args["position_embedding"] = kind;
            const std::string label = fmt::format("{}, seed {}", kind, seed);
            const RunFolder trained{run.folder / "runs" / file_name_of(label, to_json(training))};
            for (const int64_t window : plan.windows) {
                const SwinRecipe recipe = fine_tuning_of(plan, training, window);
                cells.push_back({fmt::format("{}, window {}", label, window),
                                 {{"measure", "transfer, with a control"},
                                  {"training", to_json(training)},
                                  {"recipe", to_json(recipe)},
                                  {"images", plan.fine_tuned},
                                  {"measured_images", plan.measured}},
                                 [&plan, &images, &run, training, recipe, trained] {
                                     return measure(plan, training, recipe, trained, images, run);
                                 }});
            }
        }
    return cells;
}

Findings run_transfer(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings);
    ExperimentImages images(run.settings.data, {plan.training.img_size, plan.training.img_size});
    Findings findings = transfer_findings(
        {plan.windows, run.settings.seeds, run.cells.results_of(cells_of(plan, images, run), run.progress)});
    json& setup = findings.setup = to_json(plan.training);
    setup.erase("seed");
    setup["seeds"] = run.settings.seeds;
    setup["windows"] = plan.windows;
    setup["most-images-of-fine-tuning"] = plan.fine_tuned;
    setup["most-test-images"] = plan.measured;
    for (const char* name : {"lr", "batch-size", "warmup-epochs", "epochs"})
        setup[fmt::format("{}-of-fine-tuning", name)] =
            to_json(fine_tuning_of(plan, plan.training, plan.windows.front())).at(name);
    return findings;
}

}  // namespace

extern const Experiment transfer_experiment;
const Experiment transfer_experiment{
    "transfer",
    "Table 1, Figures 4 and 5, section 3.3",
    "accuracy with larger windows than the trained one, by the kind of position bias, and by absolute positions",
    "25 minutes",
    true,
    2,
    {"A model that was trained with one window is wanted with a larger one, on larger images. V1 has learnt a table "
     "with a number for each offset between two tokens, and a larger window has offsets that are in no table: it is "
     "resized bicubically, like an image. V2 has a small network that makes the bias from the offset, and asks it for "
     "the new ones. From window 8 on 256 x 256 pixels to window 24 on 768 x 768, without fine-tuning, the table loses "
     "13.0 points of ImageNet-1K top-1, the network 4.1 with linear coordinates and 2.7 with log-spaced ones.",
     "The network is then asked for what it has never seen. From window 8 to 16 the largest offset grows from 7 to 15, "
     "so linear coordinates leave the trained range by 8/7 = 1.14 times that range; log-spaced ones reach ln 16 "
     "instead of ln 8, and leave it by 0.33 times. The less there is to extrapolate, the better.",
     "Log-spaced coordinates are sign(d) times log(1 + |d|), equation 4. Popular summaries of the paper write a plus "
     "in the place of the product. Then the offsets 7 and -7 would have the coordinates 1 + 2.08 = 3.08 and "
     "-1 + 2.08 = 1.08, both to one side; opposite offsets would not be opposite, there would be a jump at 0, and the "
     "range would grow from 3.08 to 3.77, by 0.23 times. The paper's 0.33 is (ln 16 - ln 8) / ln 8 = 1/3, which only "
     "the product gives, with a range of -2.08 to 2.08 for window 8.",
     "Some summaries also read the rows of the paper's figure of transfer as ViT's, Swin's and Swin V2's. They are "
     "Swin "
     "V2 by its kind of position bias; no row of the paper has ViT's absolute positions."},
    {"nano is trained with window 4 for each kind of position bias, and with absolute positions and no bias (a learnt "
     "vector for each place, added to the embedded patches, resized bicubically with the image); all else as in V2. "
     "Then its weights are taken to "
     "windows of 6, 8 and 16 on images of 1.5, 2 and 4 times the size, tested, fine-tuned for a few steps at a tenth "
     "of the learning rate, and tested again. pretrained_window_sizes is the trained window, as in the paper's code, "
     "so that a near offset keeps its coordinate. What the paper's scale for linear coordinates was is not known; here "
     "they are offset / 3. As a control each model also sees the larger image with the window it was trained with, so "
     "that what the image costs can be told from what the window costs.",
     "The paper's larger images show more detail, so that there the networks even gain at first. Here an image is "
     "resized bicubically from 32 x 32 pixels: larger ones hold nothing new, patches of 4 x 4 pixels show ever less "
     "of it, and a loss is to be expected with every position bias. The differences between them are the matter.",
     "The last figures are Figures 4 and 5: the bias of the first head of the first block by the offset between query "
     "and key, as trained, with the largest window, and there after fine-tuning; once as maps, once along the middle "
     "row. A resized table is stretched, as the image is; a network keeps the bias of near offsets and continues it to "
     "the far ones."},
    {{"models/swin/swin_v2.cpp", "Tensor SwinV2::with_positions(", "absolute positions"},
     {"ops/window.cpp", "axis_coordinates(", "the coordinates of an offset: sign times logarithm"},
     {"ops/attention/continuous_position_bias.cpp", "Tensor continuous_position_bias(", "the network"},
     {"ops/attention/resample_bias_table.cpp", "Tensor resample_bias_table(", "the table as an image, resized"},
     {"train/experiments/transfer.cpp", "SwinRecipe fine_tuning_of(", "which settings a larger window changes"},
     {"train/experiments/window_transfer.cpp", "double extrapolation(", "the 1.14 and the 0.33"}},
    run_transfer};

}  // namespace swingrad
