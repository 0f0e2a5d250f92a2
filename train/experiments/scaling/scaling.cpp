// Test loss and accuracy by size: V2 with res-post-norm and with pre-norm, and ResNets of the same compute.

#include "train/experiments/harness/training.h"
#include "train/experiments/scaling/findings.h"
#include "train/experiments/scaling/resnet.h"
#include "train/loop/evaluate.h"

namespace swingrad {
namespace {

using nlohmann::json;

struct Plan {
    SwinRecipe recipe;  // of V2; a ResNet's differs in its optimiser
    std::vector<int64_t> channels;
    int64_t images, judged;
};

Plan plan_of(const ExperimentSettings& settings) {
    Plan plan{recipe_of(settings), {16, 32, 48, 64, 96, 128}, 8000, 2000};
    plan.recipe.epochs = 3;
    plan.recipe.batch_size = 64;
    plan.recipe.warmup_epochs = 0.3;
    plan.recipe.on_nan = "skip";
    if (settings.quick) {
        plan.recipe.img_size = 16;
        plan.recipe.batch_size = 50;
        plan.recipe.epochs = 1;
        plan.channels = {16, 32, 48};
        plan.images = 200, plan.judged = 100;
    }
    return plan;
}

SwinRecipe recipe_of_swin(const Plan& plan, const char* norm, int64_t channels) {
    SwinRecipe recipe = plan.recipe;
    recipe.model_args = {{"embed_dim", channels}, {"num_heads", {channels / 16, channels / 8}}, {"norm", norm}};
    return recipe;
}

// With what He et al. train with.
SwinRecipe recipe_of_resnet(const Plan& plan) {
    SwinRecipe recipe = plan.recipe;
    recipe.opt = "sgd";
    recipe.lr = 0.1;
    recipe.weight_decay = 5e-4;
    return recipe;
}

json measure(Trainer& trainer, const SwinRecipe& recipe, const Plan& plan, ExperimentImages& images,
             ExperimentRun& run) {
    json result{{"stopped", train_through(trainer, run, "training")}};
    trainer.settle();
    const Evaluation evaluation =
        evaluate(trainer.model(), trainer.parameters(), ImageSamples(images.test(plan.judged), images.normalisation()),
                 recipe.batch_size);
    result["loss"] = evaluation.loss, result["accuracy"] = evaluation.accuracy;
    return result;
}

class Cells {
  public:
    Cells(const Plan& plan, ExperimentImages& images, ExperimentRun& run) : plan_(plan), images_(images), run_(run) {}

    std::vector<Cell> all() {
        for (const char* norm : {"res-post", "pre"})
            for (const int64_t channels : plan_.channels)
                for (int64_t seed = 0; seed < run_.settings.seeds; ++seed) add_swin(norm, channels, seed);
        for (const int64_t channels : plan_.channels) {
            SwinV2 alike(model_of(recipe_of_swin(plan_, "res-post", channels), images_.classes()));
            const int64_t width = width_of_resnet(cost_of(alike, plan_.recipe.img_size).multiply_adds,
                                                  plan_.recipe.img_size, images_.classes());
            for (int64_t seed = 0; seed < run_.settings.seeds; ++seed) add_resnet(width, seed);
        }
        return std::move(cells_);
    }

  private:
    void add(const std::string& label, int64_t size, const SwinRecipe& recipe, const char* family,
             const std::function<json()>& measured) {
        cells_.push_back({label,
                          {{"measure", "scaling"},
                           {"family", family},
                           {"size", size},
                           {"recipe", to_json(recipe)},
                           {"images", plan_.images},
                           {"judged_images", plan_.judged}},
                          [size, measured] {
                              json result = measured();
                              result["size"] = size;
                              return result;
                          }});
    }

    json with_cost(json result, const ModelCost& cost) const {
        result["parameters"] = cost.parameters, result["multiply_adds"] = cost.multiply_adds;
        return result;
    }

    void add_swin(const char* norm, int64_t channels, int64_t seed) {
        SwinRecipe recipe = recipe_of_swin(plan_, norm, channels);
        recipe.seed = seed;
        add(fmt::format("V2, {}, {} channels, seed {}", norm, channels, seed), channels, recipe, "v2", [this, recipe] {
            const SwinConfig config = model_of(recipe, images_.classes());
            SwinV2 counted(config);
            SwinTrainer trainer(recipe, config, images_.training(plan_.images), images_.normalisation());
            return with_cost(measure(trainer, recipe, plan_, images_, run_), cost_of(counted, recipe.img_size));
        });
    }

    void add_resnet(int64_t width, int64_t seed) {
        SwinRecipe recipe = recipe_of_resnet(plan_);
        recipe.seed = seed;
        add(fmt::format("ResNet-14, {} channels, seed {}", width, seed), width, recipe, "resnet-14",
            [this, recipe, width] {
                const Dataset& data = images_.training(plan_.images);
                const Normalisation normalisation = images_.normalisation();
                const ImageSamples samples(data, normalisation,
                                           augmentation_of(recipe, normalisation, data.has_other_sizes()),
                                           preparation_of(recipe));
                SmallResNet model(width, images_.classes()), counted(width, images_.classes());
                Trainer trainer(recipe, model, samples);
                return with_cost(measure(trainer, recipe, plan_, images_, run_), cost_of(counted, recipe.img_size));
            });
    }

    const Plan& plan_;
    ExperimentImages& images_;
    ExperimentRun& run_;
    std::vector<Cell> cells_;
};

Findings run_scaling(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings);
    ExperimentImages images(run.settings.data, {plan.recipe.img_size, plan.recipe.img_size});
    Cells cells(plan, images, run);
    const double images_seen = static_cast<double>(plan.images) * static_cast<double>(plan.recipe.epochs);
    Findings findings = scaling_findings(
        {run.settings.seeds, plan.channels.size(), images_seen, run.cells.results_of(cells.all(), run.progress)});
    findings.setup = to_json(plan.recipe);
    findings.setup.erase("seed");
    findings.setup["seeds"] = run.settings.seeds;
    findings.setup["channels"] = plan.channels;
    findings.setup["most-images"] = plan.images;
    findings.setup["most-test-images"] = plan.judged;
    return findings;
}

}  // namespace

extern const Experiment scaling_experiment;
const Experiment scaling_experiment{
    "scaling",
    "the title, Table 2, section 1, and a summary's word on CNNs",
    "test loss and accuracy by parameters and compute: V2 by norm, and ResNets of the same compute",
    "30 minutes",
    true,
    2,
    {"The paper scales Swin up to 3 billion parameters and says that accuracy rises with capacity: 87.7 % for V2-L, "
     "90.17 % for V2-G on ImageNet-1k. V1, with pre-norm, becomes unstable at such sizes.",
     "A summary of the paper adds that CNNs scale poorly, and blames their inductive bias. The paper measures no CNN."},
    {"Models of 6 blocks as nano has them, with 16 to 128 channels, res-post-norm and pre-norm, and ResNets of 14 "
     "layers "
     "as wide as makes each image's multiply-adds most nearly the same, all see the same images the same number of "
     "times. V2 is trained by AdamW, ResNets by SGD at 0.1 as in their paper; nothing is tuned for a size.",
     "Through the logarithms of loss and size goes a straight line, by least squares: a power law, whose exponent b "
     "has a "
     "standard error. Sizes here are a thousandth of the paper's, trained for minutes on a few thousand images, where "
     "data and not size may be what is short: a power law of this range says nothing of another."},
    {{"train/experiments/scaling/power_law.cpp", "PowerLaw power_law_of(", "the straight line and its uncertainty"},
     {"train/experiments/scaling/resnet.cpp", "int64_t width_of_resnet(", "ResNets of the same compute"},
     {"models/swin/config.cpp", "make(32, 4, 4, 48", "nano, whose family this is"}},
    run_scaling};

}  // namespace swingrad
