// Why the stream grows: whether many attentions make like tokens more alike and others less, as a summary of the paper
// has it, or sums along the residual do it, as the paper itself. Tokens are compared block after block, by where the
// norms stand. The model is looked at by ForwardOptions::observe and observe_attention.

#include "train/experiments/harness/stream.h"
#include "train/experiments/harness/training.h"
#include "train/experiments/similarity/block_similarity.h"
#include "train/experiments/similarity/findings.h"
#include "train/loop/evaluate.h"

namespace swingrad {
namespace {

using nlohmann::json;

struct Plan {
    SwinRecipe recipe;
    int64_t images, measured;
    size_t compared_from;  // block
};

Plan plan_of(const ExperimentSettings& settings) {
    Plan plan{recipe_of(settings), 8000, 256, 2};
    plan.recipe.epochs = 4;
    plan.recipe.batch_size = 64;
    plan.recipe.warmup_epochs = 0.2;
    plan.recipe.drop_path = 0;  // which would make the stream smaller in training than where it is measured
    plan.recipe.on_nan = "skip";
    plan.recipe.model_args = {{"patch_size", 2}, {"embed_dim", 32}, {"depths", {2, 22}}, {"num_heads", {2, 4}}};
    if (settings.quick) {
        plan.recipe.img_size = 16;
        plan.recipe.batch_size = 50;
        plan.recipe.epochs = 1;
        plan.recipe.model_args["embed_dim"] = 16;
        plan.recipe.model_args["depths"] = {1, 2};
        plan.recipe.model_args["num_heads"] = {1, 2};
        plan.images = 200, plan.measured = 40, plan.compared_from = 1;
    }
    return plan;
}

json measure(const SwinRecipe& recipe, const Plan& plan, ExperimentImages& images, ExperimentRun& run) {
    const Dataset& seen = images.test(plan.measured);
    SwinTrainer trainer(recipe, model_of(recipe, images.classes()), images.training(plan.images),
                        images.normalisation());
    json result{{"stopped", train_through(trainer, run, "training")}};
    trainer.settle();
    result["blocks"] =
        similarity_of_blocks(trainer.model(), whole_batch(seen, images.normalisation()).inputs, seen.labels);
    result["accuracy"] =
        evaluate(trainer.model(), trainer.parameters(), ImageSamples(seen, images.normalisation()), recipe.batch_size)
            .accuracy;
    return result;
}

Findings run_similarity(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings);
    ExperimentImages images(run.settings.data, {plan.recipe.img_size, plan.recipe.img_size});
    std::vector<Cell> cells;
    for (const char* placement : similarity_placements)
        for (int64_t seed = 0; seed < run.settings.seeds; ++seed) {
            SwinRecipe recipe = plan.recipe;
            recipe.seed = seed;
            recipe.model_args["norm"] = placement;
            cells.push_back({fmt::format("{}, seed {}", placement, seed),
                             {{"measure", "similarity"},
                              {"recipe", to_json(recipe)},
                              {"images", plan.images},
                              {"measured_images", plan.measured}},
                             [&plan, &images, &run, recipe] { return measure(recipe, plan, images, run); }});
        }
    Findings findings =
        similarity_findings({run.settings.seeds, plan.compared_from, run.cells.results_of(cells, run.progress)});
    findings.setup = to_json(plan.recipe);
    findings.setup.erase("seed");
    findings.setup["seeds"] = run.settings.seeds;
    findings.setup["most-images"] = plan.images;
    findings.setup["images-looked-at"] = plan.measured;
    return findings;
}

}  // namespace

extern const Experiment similarity_experiment;
const Experiment similarity_experiment{
    "similarity",
    "section 3.2, and a summary's reading of it",
    "why the stream grows: cosines of pairs of tokens by depth, pre-norm against res-post-norm",
    "15 minutes",
    true,
    3,
    {"The paper says why the stream of a deep pre-norm model grows: what each branch puts out is added to it as it is, "
     "so that it is a sum over all blocks before. Res-post-norm bounds each part of that sum.",
     "A summary of the paper says something else, which the paper does not have: after many attentions similar pixels "
     "become very similar and others very different, and that makes activations large."},
    {"Models of 24 blocks, 2 with 32 channels and 22 with 64, in windows of 4 x 4, are trained for some 500 steps "
     "on images of 32 x 32 pixels in patches of 2 x 2, with pre-norm and with res-post-norm; all else is V2's. Then "
     "test images go through, and after each block the cosine of pairs of tokens is taken: of neighbours, of tokens "
     "half a map apart, of tokens at one place in two images of the same class, and of different classes. Numbers are "
     "compared over the last stage, whose 22 blocks have one map.",
     "By the summary's reading like tokens become more alike with depth and others less, and that makes the stream "
     "grow: "
     "where it hardly grows, tokens can hardly part. By the paper's the stream grows with pre-norm alone, whatever the "
     "cosines do: a cosine does not depend on lengths. So it is asked whether tokens part at all, and how much of "
     "their "
     "parting stays with res-post-norm against how much of the growth. The mean over all tokens is taken away first, "
     "for "
     "it makes any two alike; a table has the cosines without that too.",
     "What goes into each attention and what comes out of it are compared likewise: whether it is attention that parts "
     "tokens. With pre-norm the stream is a plain sum, so it can also be said how much of it attentions have added, "
     "and "
     "how much MLPs."},
    {{"train/experiments/similarity/token_pairs.cpp", "TokenSimilarity similarity_of(", "the four means"},
     {"train/experiments/similarity/block_similarity.cpp", "json shares_of(", "what the stream is the sum of"},
     {"models/swin/block.cpp", "Tensor Block::with_branch(", "the sum along the residual, and where the norm stands"},
     {"models/swin/block.h", "observe_attention", "how what goes into attention is seen"}},
    run_similarity};

}  // namespace swingrad
