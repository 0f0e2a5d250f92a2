#include "train/program/plan/plan.h"

#include "models/swin/swin_v2.h"
#include "train/loop/recipe.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr int64_t most_ranks_shown = 512;

// As training chooses: Recipe's rule for one process, then as many more as ranks need, of those that divide the batch.
int64_t micro_batches_for(const PlanRequest& request, int64_t ranks) {
    Recipe recipe;
    recipe.batch_size = request.batch;
    recipe.device = request.machine.name == "cpu" ? "cpu" : "cuda";
    recipe.micro_batches = request.micro_batches;
    if (request.micro_batches > 0) return request.micro_batches;
    int64_t count = std::max(micro_batches_of(recipe, false), ranks);
    while (request.batch % count != 0) ++count;
    return count;
}

RankWork work_with(const PlanRequest& request, int64_t ranks) {
    RankWork work;
    work.on = request.machine.name == "cpu" ? PlannedOn::cpu : PlannedOn::gpu;
    work.dtype = request.dtype;
    work.ranks = ranks;
    work.threads = request.threads;
    work.zero = request.zero;
    work.all_parts = micro_batches_for(request, ranks);
    work.parts = (work.all_parts + ranks - 1) / ranks;
    work.images = request.batch / work.all_parts;
    return work;
}

// The largest number from 1 to `most` that fits, where a smaller one fits too; 0: none.
template <class Fits>
int64_t largest_that(int64_t most, int64_t guess, const Fits& fits) {
    int64_t low = 0, high = std::clamp<int64_t>(guess, 1, most);
    while (fits(high)) {
        low = high;
        if (high == most) return most;
        high = std::min(most, 2 * high);
    }
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        (fits(middle) ? low : high) = middle;
    }
    return low;
}

int64_t most_images_of(const Plan& plan) {
    return largest_that(most_planned_images, plan.work.images, [&](int64_t images) {
        RankWork work = plan.work;
        work.images = images;
        return total_of(rank_memory(plan.request.model, work, pass_of(plan.request.model, work))) <= plan.usable();
    });
}

// Sides are multiples of the pixels behind a token of the last stage, so that every map is whole.
int64_t largest_side_of(const Plan& plan) {
    const SwinConfig& model = plan.request.model;
    const int64_t unit = std::max(model.patch_size.rows, model.patch_size.columns) << (model.depths.size() - 1);
    if (model.patch_size.rows != model.patch_size.columns) return 0;
    return unit * largest_that(largest_planned_side / unit, model.img_size.rows / unit, [&](int64_t units) {
               SwinConfig larger = model;
               larger.img_size = {units * unit, units * unit};
               return total_of(rank_memory(larger, plan.work, pass_of(larger, plan.work))) <= plan.usable();
           });
}

PlannedRow row_of(const Plan& plan, const RankWork& work, const PassMemory& pass, int64_t batch) {
    return {work.ranks, batch, total_of(rank_memory(plan.request.model, work, pass)),
            step_time(plan.request.machine, work, pass)};
}

// Each rank goes on with the same micro-batches.
PlannedRow growing_row(const Plan& plan, int64_t ranks) {
    RankWork work = plan.work;
    work.ranks = ranks;
    work.all_parts = ranks * work.parts;
    return row_of(plan, work, plan.pass, work.all_parts * work.images);
}

void add_scaling(Plan& plan) {
    const PlanRequest& request = plan.request;
    std::vector<int64_t> counts;
    for (int64_t ranks = 1; ranks <= most_ranks_shown; ranks *= 2) counts.push_back(ranks);
    for (const int64_t ranks : counts) {
        plan.growing.push_back(growing_row(plan, ranks));
        if (ranks > request.batch || (request.micro_batches > 0 && ranks > request.micro_batches)) continue;
        RankWork work = work_with(request, ranks);
        if (work.images > plan.work.images && request.micro_batches == 0) {  // no larger at a time than planned
            work.all_parts = plan.work.all_parts;
            work.parts = (work.all_parts + ranks - 1) / ranks;
            work.images = plan.work.images;
        }
        plan.shared.push_back(row_of(plan, work, pass_of(request.model, work), request.batch));
    }
}

}  // namespace

RankWork work_of(const PlanRequest& request) {
    require(request.batch >= 1 && request.batch <= 1'000'000, "batch", "1 to 1000000", request.batch);
    require(request.ranks >= 1 && request.ranks <= most_planned_ranks, "ranks", "1 to 65536", request.ranks);
    if (request.batch < request.ranks)
        fail_usage("--batch {} is smaller than --ranks {}: each needs an image", request.batch, request.ranks);
    require(request.micro_batches == 0 || (request.micro_batches > 0 && request.batch % request.micro_batches == 0),
            "micro-batches", fmt::format("a divisor of --batch {}, or 0", request.batch).c_str(),
            request.micro_batches);
    if (request.micro_batches > 0 && request.micro_batches < request.ranks)
        fail_usage("--micro-batches {} leave some of --ranks {} without work", request.micro_batches, request.ranks);
    return work_with(request, request.ranks);
}

Plan make_plan(const PlanRequest& request) {
    Plan plan;
    plan.request = request;
    plan.work = work_of(request);
    plan.pass = pass_of(request.model, plan.work);
    plan.memory = rank_memory(request.model, plan.work, plan.pass);
    RankWork other = plan.work;
    other.zero = !other.zero;
    plan.total_other_zero = total_of(rank_memory(request.model, other, plan.pass));
    plan.time = step_time(request.machine, plan.work, plan.pass);
    plan.alone = growing_row(plan, 1).time;
    add_scaling(plan);
    plan.most_images = most_images_of(plan);
    plan.largest_side = largest_side_of(plan);
    return plan;
}

}  // namespace swingrad
