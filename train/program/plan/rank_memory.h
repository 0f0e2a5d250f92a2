// What a rank's memory holds while it trains, by cause. Formulas and what they rest on: README.md beside this.
#pragma once

#include "train/program/plan/pass_memory.h"

#include <string>
#include <vector>

namespace swingrad {

struct RankWork {
    PlannedOn on = PlannedOn::cpu;
    DType dtype = DType::float32;
    int64_t ranks = 1;
    int64_t parts = 1;      // micro-batches of this rank in a step
    int64_t images = 1;     // in each of them
    int64_t all_parts = 1;  // of all ranks
    int threads = 1;
    bool zero = false;  // ZeRO stage 1: moments and float32 masters are shared out over the ranks

    // Whether gradients of micro-batches are added up apart from the parameters' own.
    bool sums_gradients() const { return all_parts > 1 || ranks > 1; }
    // How many micro-batches are computed at once, on a thread each (train/optim/mean_gradient.h).
    int64_t at_once() const;
};

// What the program itself takes on the CPU: code, libraries, stacks. Measured: README.md.
inline constexpr double program_bytes = 26 << 20;

struct MemoryPart {
    std::string cause, holds;
    double bytes = 0;
};

std::vector<MemoryPart> rank_memory(const SwinConfig& config, const RankWork& work, const PassMemory& pass);
double total_of(const std::vector<MemoryPart>& parts);

// The pass of `work`: pass_memory with what follows from it.
PassMemory pass_of(const SwinConfig& config, const RankWork& work);

// How many sums of gradients exist at once at the most where so many micro-batches are computed, `at_once` at a time:
// those that are being filled, and one for each level of the tree that waits for its other half.
int64_t sums_at_once(int64_t parts, int64_t at_once);

}  // namespace swingrad
