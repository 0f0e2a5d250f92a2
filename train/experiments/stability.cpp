// Training loss of deep models by where the norms stand and how high the learning rate is, until one fails. All else
// is Swin V2's, so that only the norms can make the difference.

#include "train/experiments/stability.h"
#include "train/experiments/harness/training.h"

#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

struct Plan {
    SwinRecipe recipe;
    int64_t images;
    std::vector<StabilityVariant> variants;
    std::vector<int64_t> depths;
    std::vector<double> rates;
};

Plan plan_of(const ExperimentSettings& settings) {
    Plan plan{recipe_of(settings),
              1280,
              {{"pre", "pre", 0},
               {"res-post", "res-post", 0},
               {"pre + extra norm", "pre", 6},
               {"res-post + extra norm", "res-post", 6}},
              {12, 24, 48},
              {1e-3, 4e-3, 1.6e-2, 6.4e-2}};
    plan.recipe.epochs = 4;
    plan.recipe.batch_size = 32;
    plan.recipe.warmup_epochs = 0.4;
    plan.recipe.label_smoothing = 0;  // so that who knows nothing has ln(classes)
    plan.recipe.weight_decay = 0;
    plan.recipe.drop_path = 0;  // which would leave blocks of a deep model out
    plan.recipe.on_nan = "skip";
    plan.recipe.model_args = {{"embed_dim", 32}, {"num_heads", {2, 4}}};
    if (settings.quick) {
        plan.recipe.img_size = 16;
        plan.recipe.epochs = 1;
        plan.recipe.model_args = {{"embed_dim", 16}, {"num_heads", {1, 2}}};
        plan.images = 320;
        plan.depths = {3, 8};
        plan.rates = {1e-3, 1e6};  // the second must fail
    }
    return plan;
}

// The depth is in the second stage, where a map is one window.
SwinRecipe recipe_for(const Plan& plan, const StabilityVariant& variant, int64_t depth, double rate, int64_t seed) {
    SwinRecipe recipe = plan.recipe;
    recipe.seed = seed;
    recipe.lr = rate;
    recipe.model_args["depths"] = {2, depth - 2};
    recipe.model_args["norm"] = variant.norm;
    recipe.model_args["extra_norm_every"] = variant.norm_every;
    return recipe;
}

json measure(const SwinRecipe& recipe, int64_t most_images, ExperimentImages& images, ExperimentRun& run) {
    SwinTrainer trainer(recipe, model_of(recipe, images.classes()), images.training(most_images),
                        images.normalisation());
    std::vector<double> losses;
    const std::string why =
        train_through(trainer, run, "training", [&](int64_t) { losses.push_back(trainer.last_loss()); });
    return {{"losses", losses}, {"stopped", why}};
}

Findings run_stability(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings);
    ExperimentImages images(run.settings.data, {plan.recipe.img_size, plan.recipe.img_size});
    std::vector<Cell> cells;
    for (const int64_t depth : plan.depths)
        for (const StabilityVariant& variant : plan.variants)
            for (const double rate : plan.rates)
                for (int64_t seed = 0; seed < run.settings.seeds; ++seed) {
                    const SwinRecipe recipe = recipe_for(plan, variant, depth, rate, seed);
                    cells.push_back(
                        {fmt::format("{} blocks, {}, learning rate {}, seed {}", depth, variant.name, rate, seed),
                         {{"measure", "stability"}, {"recipe", to_json(recipe)}, {"images", plan.images}},
                         [&plan, &images, &run, recipe] { return measure(recipe, plan.images, images, run); }});
                }
    Findings findings = stability_findings({plan.variants, plan.depths, plan.rates, run.settings.seeds,
                                            images.classes(), run.cells.results_of(cells, run.progress)});
    json& setup = findings.setup = to_json(plan.recipe);
    for (const char* varied : {"lr", "seed"}) setup.erase(varied);
    setup["seeds"] = run.settings.seeds;
    setup["learning-rates"] = plan.rates;
    setup["blocks"] = plan.depths;
    setup["most-images"] = plan.images;
    return findings;
}

}  // namespace

extern const Experiment stability_experiment;
const Experiment stability_experiment{
    "stability",
    "Figure 3, sections 3.2 and 3.6",
    "at which depth and learning rate training fails, by where the norms stand",
    "25 minutes",
    true,
    1,
    {"The paper could not train the huge model, of 658 million parameters, with pre-norm: its loss breaks out. With "
     "res-post-norm the same model trains. With pre-norm every block adds to the stream what it likes; the stream "
     "grows with depth, and so does what one step of the optimiser does to it.",
     "For the two largest models the paper adds one more layer norm on the stream itself after every 6 blocks, "
     "which sets its size anew."},
    {"Models of 12, 24 and 48 blocks with 32 channels are trained for 160 steps of AdamW at learning rates from 0.001 "
     "to 0.064, each four times the one before, on few images, so that a model that can learn soon does. A training "
     "fails where loss or gradient is not finite, or where in the last tenth of its steps the loss is no better than "
     "ln(classes), which is that of who knows nothing.",
     "The paper's models are deep and wide and fail after long training at a moderate learning rate. Models as small "
     "as "
     "these fail only at learning rates that are far too high for them: what is compared is how far it is to there."},
    {{"models/swin/block.cpp", "Tensor Block::with_branch(", "the four places of a norm, a line each"},
     {"models/swin/block.cpp", "return norm3 ? norm3->forward(fed) : fed;", "the extra norm on the stream"},
     {"models/swin/block.cpp", "double start_of_norm(", "a norm at a branch's end starts at 0: each block as nothing"},
     {"train/experiments/stability_findings.cpp", "Outcome outcome_of(", "what counts as failing"}},
    run_stability};

}  // namespace swingrad
