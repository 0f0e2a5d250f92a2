// A plan: whether a training fits, how long its steps take, and how that changes with the number of ranks. From the
// shapes of a model and stated figures of a machine: nothing of it is measured but, on the CPU, how fast that computes.
#pragma once

#include "train/program/plan/step_time.h"

#include <string>
#include <vector>

namespace swingrad {

struct PlanRequest {
    SwinConfig model;
    std::string model_text;
    DType dtype = DType::float32;
    int64_t batch = 0, ranks = 1;
    int64_t micro_batches = 0;  // of the batch; 0: as training chooses, and at least one a rank
    bool zero = false;
    int threads = 1;        // of a rank on the CPU
    Machine machine;        // with its rates
    std::string rate_text;  // where they come from
};

// What becomes of it with another number of ranks.
struct PlannedRow {
    int64_t ranks = 0, batch = 0;
    double memory = 0;  // bytes of a rank
    StepTime time;

    double images_per_second() const { return static_cast<double>(batch) / time.total(); }
};

struct Plan {
    PlanRequest request;
    RankWork work;  // of the rank that has most
    PassMemory pass;
    std::vector<MemoryPart> memory;
    double total_other_zero = 0;  // bytes of a rank with ZeRO where the plan has none, or the other way round
    StepTime time, alone;         // alone: one rank with its share of the batch
    std::vector<PlannedRow> growing, shared;  // each rank's images stay as many; the batch stays as large
    int64_t most_images = 0;   // of one micro-batch that fit, 0: not even one; at most most_planned_images
    int64_t largest_side = 0;  // of square images that fit, as many at a time as planned; 0: none

    double total() const { return total_of(memory); }
    double usable() const { return request.machine.memory - request.machine.reserve; }
    bool fits() const { return total() <= usable(); }
};

inline constexpr int64_t most_planned_images = 1 << 16, most_planned_ranks = 1 << 16, largest_planned_side = 4096;

// Which micro-batches a step has: of so many images each, all ranks together. Throws a UsageError where the batch does
// not divide so.
RankWork work_of(const PlanRequest& request);

// Throws a UsageError where there is no such plan.
Plan make_plan(const PlanRequest& request);

}  // namespace swingrad
