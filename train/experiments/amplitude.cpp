// How large the residual stream is after every block, by where the norms stand, for models that grow in depth and in
// width. All else is Swin V2's, so that only the norms can make the difference. The stream is looked at from outside,
// by ForwardOptions::observe; the model knows nothing of it.

#include "train/experiments/harness/stream.h"
#include "train/experiments/harness/training.h"
#include "train/loop/evaluate.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr std::array placements{"pre", "res-post", "post", "sandwich"};
constexpr double paper_ratio = 1e4;  // of V1 at size L, in the text of section 3.2

struct Size {
    std::string name;
    json arguments;  // of the model
};

struct Plan {
    std::vector<Size> sizes;
    int64_t image, batch, images, epochs, measured;
};

Plan plan_of(bool quick) {
    const auto size = [](const char* name, int64_t channels, std::vector<int64_t> depths) {
        const int64_t heads = channels / 16;
        return Size{name, {{"embed_dim", channels}, {"depths", depths}, {"num_heads", {heads, 2 * heads}}}};
    };
    if (quick)
        return {{size("2 blocks, 16 channels", 16, {1, 1}), size("3 blocks, 16 channels", 16, {1, 2})},
                16,
                200,
                1000,
                1,
                32};
    return {{size("6 blocks, 32 channels", 32, {2, 4}), size("12 blocks, 32 channels", 32, {2, 10}),
             size("24 blocks, 32 channels", 32, {2, 22}), size("6 blocks, 64 channels", 64, {2, 4})},
            32,
            64,
            8000,
            2,
            256};
}

// ---- one cell

json as_json(const std::vector<StreamStatistics>& blocks) {
    json list = json::array();
    for (const StreamStatistics& one : blocks)
        list.push_back({{"block", one.block},
                        {"amplitude", one.amplitude},
                        {"deviation", one.deviation},
                        {"largest", one.largest}});
    return list;
}

json measure(const SwinRecipe& recipe, const SwinConfig& model, const Plan& plan, ExperimentImages& images,
             ExperimentRun& run) {
    const Dataset& training = images.training(plan.images);
    const Dataset& seen = images.test(plan.measured);
    SwinTrainer trainer(recipe, model, training, images.normalisation());
    const Batch batch = whole_batch(seen, images.normalisation());
    json result{{"start", as_json(stream_statistics(trainer.model(), batch.inputs))}};
    result["stopped"] = train_through(trainer, run, "training");
    result["trained"] = as_json(stream_statistics(trainer.model(), batch.inputs));
    const Evaluation evaluation =
        evaluate(trainer.model(), trainer.parameters(), ImageSamples(seen, images.normalisation()), recipe.batch_size);
    result["accuracy"] = evaluation.accuracy;
    return result;
}

// ---- what is made of them

struct Group {  // the seeds of a placement and a size
    std::string placement, size;
    std::vector<json> results;

    std::vector<double> each(const std::function<double(const json&)>& value) const {
        std::vector<double> values;
        for (const json& one : results) values.push_back(value(one));
        return values;
    }
    size_t blocks() const { return results.front().at("start").size(); }
    Spread amplitude(const char* when, size_t block) const {
        return spread_of(each([&](const json& one) { return number_of(one.at(when).at(block), "amplitude"); }));
    }
};

// The largest amplitude of all blocks over the smallest.
double ratio_of(const json& blocks) {
    double least = INFINITY, most = 0;
    for (const json& block : blocks) {
        const double amplitude = number_of(block, "amplitude");
        if (!std::isfinite(amplitude)) return NAN;
        least = std::min(least, amplitude), most = std::max(most, amplitude);
    }
    return most / least;
}

Spread ratio(const Group& group, const char* when) {
    return spread_of(group.each([&](const json& one) { return ratio_of(one.at(when)); }));
}

ResultTable table_of(const std::vector<Group>& groups) {
    ResultTable table{"The residual stream by size and place of the norms",
                      {"size", "norms", "last block at the start", "first, trained", "last, trained", "its deviation",
                       "largest : smallest", "accuracy, %"},
                      {}};
    for (const Group& group : groups) {
        const size_t last = group.blocks() - 1;
        const auto of_last = [&](const char* what) {
            return spread_of(group.each([&](const json& one) { return number_of(one.at("trained").at(last), what); }));
        };
        table.rows.push_back(
            {group.size, group.placement, text_of(group.amplitude("start", last), 3),
             text_of(group.amplitude("trained", 0), 3), text_of(of_last("amplitude"), 3),
             text_of(of_last("deviation"), 3), text_of(ratio(group, "trained"), 2),
             text_of(spread_of(group.each([](const json& one) { return number_of(one, "accuracy"); })), 1)});
    }
    table.rows.push_back(
        {"paper: V1-L, 24 blocks", "pre", "-", "-", "-", "-", fmt::format("{:.0f}", paper_ratio), "-"});
    table.note =
        "Amplitude is the mean of |x| over images, tokens and channels of the stream x after a block; deviation the "
        "standard deviation of x over the same. The ratio is that of the largest amplitude of all blocks to the "
        "smallest.";
    return table;
}

Figure figure_of(const std::vector<Group>& groups, const std::string& size, const char* when) {
    Figure figure{size, "block", "mean |x| after it", {}, true, true};
    for (const Group& group : groups) {
        if (group.size != size) continue;
        Series one{group.placement, {}, {}};
        for (size_t block = 0; block < group.blocks(); ++block) {
            one.x.push_back(static_cast<double>(block + 1));
            one.y.push_back(group.amplitude(when, block).mean);
        }
        figure.series.push_back(one);
    }
    return figure;
}

std::vector<NamedFigure> figures_of(const std::vector<Group>& groups, const Plan& plan) {
    std::vector<NamedFigure> figures;
    for (size_t i = 0; i < plan.sizes.size(); ++i) {
        figures.push_back({fmt::format("trained-{}.svg", i + 1), figure_of(groups, plan.sizes[i].name, "trained")});
        figures.back().figure.title += ", trained";
    }
    NamedFigure start{"start.svg", figure_of(groups, plan.sizes.back().name, "start")};
    start.figure.title += ", before the first step";
    figures.push_back(start);
    return figures;
}

// For every size: whether the stream of pre-norm varies more between blocks than that of res-post-norm.
std::vector<std::string> seen_in(const std::vector<Group>& groups) {
    std::vector<std::string> texts;
    const auto find = [&](const std::string& size, const char* placement) -> const Group& {
        return *std::find_if(groups.begin(), groups.end(),
                             [&](const Group& one) { return one.size == size && one.placement == placement; });
    };
    for (const Group& group : groups) {
        if (group.placement != placements.front()) continue;
        const Spread pre = ratio(group, "trained"), res_post = ratio(find(group.size, "res-post"), "trained");
        const bool clear = pre.mean - res_post.mean > pre.deviation + res_post.deviation;
        texts.push_back(
            fmt::format("{}: between blocks the trained stream varies by a factor of {} with pre-norm and of {} with "
                        "res-post-norm. {}",
                        group.size, text_of(pre, 2), text_of(res_post, 2),
                        clear ? "Pre-norm's varies more, as in the paper." : "The paper's effect does not show here."));
    }
    for (const Group& group : groups)
        for (const json& one : group.results)
            if (const auto why = one.at("stopped").get<std::string>(); !why.empty())
                texts.push_back(fmt::format("{}, {}: training stopped, as {}.", group.size, group.placement, why));
    return texts;
}

Findings run_amplitude(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings.quick);
    ExperimentImages images(run.settings.data, {plan.image, plan.image});
    SwinRecipe recipe = recipe_of(run.settings);
    recipe.img_size = plan.image;
    recipe.batch_size = plan.batch;
    recipe.drop_path = 0;  // which would make the stream smaller in training than where it is measured
    recipe.on_nan = "skip";
    recipe.epochs = plan.epochs;
    recipe.warmup_epochs = 0.2;
    std::vector<Cell> cells;
    std::vector<Group> groups;
    for (const Size& size : plan.sizes)
        for (const char* placement : placements) {
            groups.push_back({placement, size.name, {}});
            for (int64_t seed = 0; seed < run.settings.seeds; ++seed) {
                recipe.seed = seed;
                recipe.model_args = size.arguments;
                recipe.model_args["norm"] = placement;
                const SwinConfig model = model_of(recipe, images.classes());
                const SwinRecipe of_cell = recipe;
                cells.push_back(
                    {fmt::format("{}, {}, seed {}", size.name, placement, seed),
                     {{"measure", "amplitude"},
                      {"recipe", to_json(recipe)},
                      {"model", config_to_json(model)},
                      {"images", plan.images},
                      {"measured_images", plan.measured}},
                     [&run, &images, &plan, of_cell, model] { return measure(of_cell, model, plan, images, run); }});
            }
        }
    const std::vector<json> results = run.cells.results_of(cells, run.progress);
    for (size_t i = 0; i < results.size(); ++i)
        groups[i / static_cast<size_t>(run.settings.seeds)].results.push_back(results[i]);
    json setup = to_json(recipe);
    for (const char* varied : {"model-args", "seed"}) setup.erase(varied);
    setup["seeds"] = run.settings.seeds;
    return {figures_of(groups, plan), {table_of(groups)}, seen_in(groups), setup};
}

}  // namespace

extern const Experiment amplitude_experiment;
const Experiment amplitude_experiment{
    "amplitude",
    "Figure 2 and section 3.2",
    "how large the residual stream is after every block, by where the norms stand",
    "10 minutes",
    true,
    2,
    {"In Swin V1 a branch begins with a norm and what it puts out is added to the stream as it is. So each block "
     "adds to what all before it have added, and the deeper a model, the larger its stream: in V1 at size L the "
     "amplitudes of two layers differ by a factor of up to 10^4, and the huge model fails in training.",
     "V2 moves the norm to the end of the branch (res-post-norm). Whatever a branch computes, what it adds has the "
     "size of the norm's weight, so the stream grows slowly with depth. Post-norm, the first Transformer's, "
     "normalises the stream itself, which holds its size for certain but takes the gradient's way past the blocks "
     "from it. A sandwich has norms at both ends of a branch."},
    {"Models of 6, 12 and 24 blocks with 32 channels, and of 6 with 64, are trained for a few hundred steps, all "
     "with V2's cosine attention and position bias, so that only the norms differ. Then images of the test set go "
     "through, and the stream is looked at after every block. Models as small as these, trained for so short a time, "
     "need not show what the paper's do.",
     "Between the two stages patch merging normalises, which sets the size of the stream anew: the figures have a "
     "break there, after the second block. Where a norm ends a branch its weight starts at 0, so that before the "
     "first step res-post-norm and the sandwich leave the stream as it is."},
    {{"models/swin/block.cpp", "Tensor Block::with_branch(", "the four places of a norm, a line each"},
     {"models/swin/block.h", "std::function<void(std::string_view name, const Tensor& value)> observe",
      "how the stream is looked at, without burdening the model"},
     {"train/experiments/harness/stream.cpp", "StreamStatistics statistics_of(", "amplitude and deviation"}},
    run_amplitude};

}  // namespace swingrad
