// How much of a query's attention falls on its largest key, by score and place of the norms, block after block and
// while it is trained. All else is Swin V2's. The models are looked at by ForwardOptions::observe_attention.

#include "train/experiments/attention.h"
#include "train/experiments/harness/stream.h"
#include "train/experiments/harness/training.h"
#include "train/loop/evaluate.h"
#include "train/program/explain/attention_maps.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

struct Plan {
    SwinRecipe recipe;
    int64_t images, measured, looked_at;
};

Plan plan_of(const ExperimentSettings& settings) {
    Plan plan{recipe_of(settings), 8000, 2000, 64};
    plan.recipe.epochs = 3;
    plan.recipe.batch_size = 64;
    plan.recipe.warmup_epochs = 0.3;
    plan.recipe.drop_path = 0;
    plan.recipe.on_nan = "skip";
    plan.recipe.model_args = {
        {"patch_size", 2}, {"window_size", 8}, {"embed_dim", 32}, {"depths", {4, 4}}, {"num_heads", {2, 4}}};
    if (settings.quick) {
        plan.recipe.img_size = 16;
        plan.recipe.batch_size = 50;
        plan.recipe.epochs = 1;
        plan.recipe.model_args["window_size"] = 4;
        plan.recipe.model_args["embed_dim"] = 16;
        plan.recipe.model_args["depths"] = {2, 1};
        plan.recipe.model_args["num_heads"] = {1, 2};
        plan.images = 200, plan.measured = 50, plan.looked_at = 8;
    }
    return plan;
}

// ---- one cell

json as_json(const std::vector<BlockAttention>& blocks) {
    json list = json::array();
    for (const BlockAttention& block : blocks) {
        json one{{"share", json::array()}, {"dominated", json::array()}, {"temperature", block.temperatures}};
        for (const LargestKey& head : largest_keys(block)) {
            one["share"].push_back(head.share);
            one["dominated"].push_back(head.dominated);
        }
        list.push_back(one);
    }
    return list;
}

// The first image as it is, and of every block the head with the largest share: where the token in the middle looks.
json pictures_of(const std::vector<BlockAttention>& blocks, const Dataset& data) {
    const uint8_t* pixels = data.images.data<uint8_t>();
    json pictures{{"image", std::vector<int>(pixels, pixels + data.extent().rows * data.extent().columns * 3)},
                  {"columns", data.extent().columns},
                  {"blocks", json::array()}};
    for (size_t i = 0; i < blocks.size(); ++i) {
        const auto heads = largest_keys(blocks[i]);
        const auto most = std::max_element(heads.begin(), heads.end(),
                                           [](const LargestKey& a, const LargestKey& b) { return a.share < b.share; });
        const auto head = most - heads.begin();
        const WindowTable& map = *blocks[i].map;
        const int64_t token = map.map.rows / 2 * map.map.columns + map.map.columns / 2;
        const char* shifted = map.mask.empty() ? "" : ", shifted";
        pictures["blocks"].push_back({{"title", fmt::format("block {}{}, head {}", i + 1, shifted, head + 1)},
                                      {"columns", map.map.columns},
                                      {"marked", token},
                                      {"values", where_it_looks(blocks[i], 0, head, token)}});
    }
    return pictures;
}

// After so many steps the model is looked at: at the start, then at times that double, to the last.
bool is_probed(int64_t step, int64_t all) {
    for (int64_t part = all, halvings = 0; part > 0 && halvings < 6; part /= 2, ++halvings)
        if (step == part) return true;
    return step == 0;
}

json measure(const SwinRecipe& recipe, const Plan& plan, ExperimentImages& images, ExperimentRun& run) {
    const Dataset& test = images.test(plan.measured);
    const SwinConfig model = model_of(recipe, images.classes());
    SwinTrainer trainer(recipe, model, images.training(plan.images), images.normalisation());
    std::vector<int64_t> first(static_cast<size_t>(std::min(plan.looked_at, test.size())));
    for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<int64_t>(i);
    const Tensor looked_at = make_batch(test, first, images.normalisation(), nullptr, Random{}).inputs;
    json result{{"probes", json::array()}, {"keys", json::array()}};
    std::vector<BlockAttention> blocks;
    const auto probe = [&](int64_t step) {
        if (!is_probed(step, trainer.steps_in_all())) return;
        trainer.settle();
        blocks = attention_of(model, trainer.parameters(), looked_at);
        result["probes"].push_back({{"step", step}, {"blocks", as_json(blocks)}});
    };
    probe(0);
    result["stopped"] = train_through(trainer, run, "training", probe);
    for (const BlockAttention& block : blocks) result["keys"].push_back(block.map->tokens);
    result["pictures"] = pictures_of(blocks, test);
    result["accuracy"] =
        evaluate(trainer.model(), trainer.parameters(), ImageSamples(test, images.normalisation()), recipe.batch_size)
            .accuracy;
    return result;
}

Findings run_attention(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings);
    ExperimentImages images(run.settings.data, {plan.recipe.img_size, plan.recipe.img_size});
    std::vector<Cell> cells;
    for (const AttentionKindTried& kind : attention_kinds)
        for (int64_t seed = 0; seed < run.settings.seeds; ++seed) {
            SwinRecipe recipe = plan.recipe;
            recipe.seed = seed;
            recipe.model_args["norm"] = kind.norm;
            recipe.model_args["attention"] = kind.attention;
            cells.push_back({fmt::format("{}, seed {}", kind.name, seed),
                             {{"measure", "attention"},
                              {"recipe", to_json(recipe)},
                              {"images", plan.images},
                              {"measured_images", plan.measured},
                              {"looked_at", plan.looked_at}},
                             [&plan, &images, &run, recipe] { return measure(recipe, plan, images, run); }});
        }
    Findings findings = attention_findings({run.settings.seeds, run.cells.results_of(cells, run.progress)});
    findings.setup = to_json(plan.recipe);
    findings.setup.erase("seed");
    findings.setup["seeds"] = run.settings.seeds;
    findings.setup["most-images"] = plan.images;
    findings.setup["most-test-images"] = plan.measured;
    findings.setup["images-looked-at"] = plan.looked_at;
    return findings;
}

}  // namespace

extern const Experiment attention_experiment;
const Experiment attention_experiment{
    "attention",
    "section 3.2, scaled cosine attention",
    "how much of a query's weight falls on its largest key, dot product against cosine",
    "20 minutes",
    true,
    2,
    {"With the dot product of query and key for a score, the paper finds that in large models the attention of some "
     "blocks and heads is dominated by a few pairs of pixels, above all with res-post-norm, where nothing bounds the "
     "size of what queries and keys are made of. It gives no number for it.",
     "Their cosine lies between -1 and 1 however long the two vectors are. It is divided by a learnt temperature tau "
     "of "
     "each head, at least 0.01, so how sharp a head is becomes one number that training sets, apart from what it "
     "looks at. tau starts at 0.1."},
    {"Models of 8 blocks with 32 channels and windows of 8 x 8 tokens are trained for a few hundred steps on images of "
     "32 x 32 pixels in patches of 2 x 2. At the start and at times that double, test images go through, and of every "
     "query the weight of its largest key is taken. With 64 keys alike it would be 1/64 = 0.016. Where a shifted "
     "window "
     "holds tokens of opposite borders, a query sees fewer, so its largest share is larger.",
     "The paper's statement is of models a thousand times as large. Whether a few heads become dominated in so short a "
     "training is open.",
     "The pictures show, for the first test image, where one token looks, the one in the middle with a ring around it: "
     "of each block the head with the largest share. Windows are put back to their places. A block whose windows are "
     "shifted can look across the borders of those before it."},
    {{"ops/attention/plain_attention.cpp", "AttentionWeights attention_weights(", "the weights, a step a line"},
     {"ops/attention/window_attention.cpp",
      "cosine (V2):", "the two scores, and the gradients of what is made of them"},
     {"models/swin/window_attention.cpp", "Tensor WindowAttention::forward(", "where the one or the other is chosen"},
     {"train/program/explain/attention_maps.cpp", "std::vector<double> where_it_looks(", "shift and windows undone"}},
    run_attention};

}  // namespace swingrad
