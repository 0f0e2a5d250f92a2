#include "train/program/phases/phases_of_run.h"

#include "core/io/quotes.h"
#include "models/swin/costs.h"
#include "models/swin/swin_v2.h"
#include "train/data/sources.h"
#include "train/ranks/ranks.h"
#include "train/transfer/carry_over.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

nlohmann::json size_of(Extent extent) {
    if (extent.rows == extent.columns) return extent.rows;
    return {extent.rows, extent.columns};
}

double cost_of(const Phase& phase) {
    return static_cast<double>(total_cost(layer_costs(phase.model, 1)).multiply_adds);
}

}  // namespace

std::vector<Phase> phases_of_run(const SwinRecipe& recipe, const SwinConfig& model,
                                 const std::vector<int64_t>& epochs_before) {
    if (recipe.progressive.empty()) return {};
    if (world().size() > 1) fail_usage("--progressive is for one process, and there are {}", world().size());
    try {
        std::vector<Phase> phases =
            phases_of(recipe.progressive, model, epochs_before.empty() ? recipe.epochs : epochs_before.front());
        phases.back().end = recipe.epochs;
        for (size_t i = 1; i < phases.size(); ++i) {
            SwinV2 before(phases[i - 1].model), now(phases[i].model);
            require_carried(before, now);
        }
        return phases;
    } catch (const Error& error) {
        fail_usage("--progressive {}: {}", on_one_line(recipe.progressive), error.what());
    }
}

SwinRecipe recipe_of_phase(const SwinRecipe& recipe, const Phase& phase) {
    SwinRecipe at = recipe;
    at.img_size = phase.model.img_size.rows;
    const double ratio = static_cast<double>(at.img_size) / static_cast<double>(recipe.img_size);
    at.crop_padding = std::min<int64_t>(std::llround(static_cast<double>(recipe.crop_padding) * ratio), 1024);
    return at;
}

ModelAtPlace model_at_place(const std::vector<Phase>& phases) {
    if (phases.empty()) return {};
    return [phases](int64_t epoch, int64_t batch) {
        return std::make_unique<SwinV2>(phases[phase_of_checkpoint(phases, epoch, batch)].model);
    };
}

std::string sizes_text(const Phase& phase) {
    return fmt::format("{} in patches of {}", text_of(phase.model.img_size), text_of(phase.model.patch_size));
}

std::string text_of_phase(const std::vector<Phase>& phases, size_t index) {
    const Phase& phase = phases[index];
    return fmt::format("phase {} of {}, epochs {} to {}: images of {}", index + 1, phases.size(), phase.begin + 1,
                       phase.end, sizes_text(phase));
}

nlohmann::json sizes_of_phase(const Phase& phase) {
    return {{"img_size", size_of(phase.model.img_size)}, {"patch_size", size_of(phase.model.patch_size)}};
}

double epochs_to_go(const std::vector<Phase>& phases, size_t index, int64_t done) {
    double cost = 0;
    for (size_t i = index; i < phases.size(); ++i)
        cost += cost_of(phases[i]) * static_cast<double>(phases[i].end - std::max(phases[i].begin, done));
    return cost / cost_of(phases[index]);
}

}  // namespace swingrad
