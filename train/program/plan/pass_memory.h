// What one micro-batch takes, forward and backward: found by a pass on Device::meta, where every tensor is counted and
// none has memory. So any model is planned on any machine, and what a pass makes is never said twice: a change of a
// model or an operation changes the plan.
#pragma once

#include "core/dtype.h"
#include "models/swin/config.h"

#include <cstddef>
#include <cstdint>

namespace swingrad {

enum class PlannedOn : bool { cpu, gpu };

struct PassMemory {
    // Of the model, whatever the batch. Sizes include the gaps that flat memory has between entries.
    int64_t parameters = 0;
    size_t values = 0;            // as they are trained: float32
    size_t copies = 0;            // bfloat16, 0 in float32
    size_t gradients = 0;         // float32 ones; in mixed precision only of parameters without a copy
    size_t copies_gradients = 0;  // bfloat16
    size_t packed = 0;            // on the CPU: each weight matrix once more for its product forward, once for backward

    // Of one pass beside these.
    size_t saved = 0;  // what is alive when forward ends; images of the model's own dtype, but not the batch's
    size_t peak = 0;   // the most that is alive at once, scratch memory of operations included

    double forward_flops = 0, flops = 0;  // of products; `flops` of the whole pass, with what is computed again
};

// `images` of the configured size in one pass, by `threads` threads (of the CPU; more threads have more scratch
// memory). On the CPU weights count as packed beforehand where `packed_before`, as they are where a step has several
// micro-batches, and else as scratch memory of each operation. dtype: float32, or bfloat16 for mixed precision. Throws
// an Error where the configuration cannot be.
PassMemory pass_memory(SwinConfig config, DType dtype, int64_t images, PlannedOn on, int threads, bool packed_before);

}  // namespace swingrad
