// What this machine's CPU achieves, measured by a few passes of a model.
#pragma once

#include "train/program/plan/machines.h"
#include "train/program/plan/pass_memory.h"

namespace swingrad {

struct MeasuredRates {
    double flops = 0;                    // a second, over a whole pass
    double memory_bytes_per_second = 0;  // of the optimiser's step
};

// Forward and backward of `images` images, and AdamW, on all threads.
MeasuredRates measured_rates(const SwinConfig& config, DType dtype, int64_t images);

}  // namespace swingrad
