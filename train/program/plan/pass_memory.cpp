// Activations are counted by the pass itself. What remains is scratch memory, which fast paths of the CPU take inside
// an operation (train/program/plan/scratch.h): it is added to the most that was alive while that operation ran. A
// checkpointed block runs on a tape of its own that cannot be watched; there the largest scratch memory of any
// operation is added to the pass' own peak, a little more than is needed.

#include "train/program/plan/pass_memory.h"

#include "core/allocator.h"
#include "models/nn/parameters.h"
#include "models/swin/swin_v2.h"
#include "ops/cost_log.h"
#include "ops/ops.h"
#include "train/program/plan/scratch.h"

#include <algorithm>

namespace swingrad {
namespace {

size_t live() { return memory_statistics(Device::meta).live; }
size_t peak() { return memory_statistics(Device::meta).peak; }

struct Watched {
    size_t saved = 0, peak = 0, largest_scratch = 0;
    double forward_flops = 0, flops = 0;
};

// Forward and backward on meta. Of what was alive before nothing counts.
Watched watched_pass(SwinV2& model, const Parameters& parameters, int64_t images, const Scratch* scratch) {
    const SwinConfig& config = model.config();
    Watched seen;
    // Part of a batch that lies there before the pass, and counts with it.
    const Tensor batch = Tensor::empty({images, config.img_size.rows, config.img_size.columns, config.in_chans},
                                       DType::float32, Device::meta);
    const Tensor labels = Tensor::empty({images}, DType::int64, Device::meta);
    const size_t before = live();
    size_t most = 0;  // with scratch memory
    // Since the last operation; then the next begins.
    const auto note = [&](size_t of_operation) {
        most = std::max(most, peak() + of_operation);
        seen.largest_scratch = std::max(seen.largest_scratch, of_operation);
        reset_peak(Device::meta);
    };
    reset_peak(Device::meta);
    {
        parameters.zero_grad();
        model.train(Random{0, 3});
        CostLog log;
        Tape tape;
        if (scratch) {
            tape.after_record = [&](const Node& node) { note(scratch->forward(node)); };
            tape.after_backward = [&](const Node& node, const NeedsInputGrad&, std::vector<Tensor>&) {
                note(scratch->backward(node));
            };
        }
        const Tensor loss = cross_entropy(model.forward(model.as_input(batch)), labels);
        seen.saved = live() - before;
        seen.forward_flops = 2 * static_cast<double>(log.total());
        tape.backward(loss);
        // A product's backward is two of its size; what backward computes once more is in the log by now.
        seen.flops = 2 * static_cast<double>(log.total()) + 2 * seen.forward_flops;
        note(0);
    }
    seen.peak = most - before;
    return seen;
}

size_t packed_bytes(const Parameters& parameters, bool pairs) {
    size_t bytes = 0;
    for (const Parameters::Entry& entry : parameters.entries())
        if (is_packed(entry))
            bytes += 2 * packed_weight_bytes(entry.shape[0], entry.shape[1], entry.leaf.dtype(), pairs);
    return bytes;
}

}  // namespace

PassMemory pass_memory(SwinConfig config, DType dtype, int64_t images, PlannedOn on, int threads, bool packed_before) {
    const bool gpu = on == PlannedOn::gpu;
    if (gpu) config.sequential_attention = true;  // attention's kernels always work by tiles, and keep what that needs
    SwinV2 model(config);
    const Parameters parameters(model, dtype, Random{}, Device::meta);
    PassMemory result;
    result.parameters = parameters.count();
    result.values = parameters.values().bytes();
    result.copies = parameters.copies().defined() ? parameters.copies().bytes() : 0;
    result.gradients = parameters.gradients().bytes();
    result.copies_gradients = parameters.copies_gradients().defined() ? parameters.copies_gradients().bytes() : 0;

    const Scratch scratch(config, dtype, threads, packed_before);
    Watched seen = watched_pass(model, parameters, images, gpu ? nullptr : &scratch);
    if (!gpu) result.packed = packed_before ? packed_bytes(parameters, scratch.by_pairs()) : 0;
    if (!gpu && config.checkpoint_blocks) {
        SwinConfig open = config;
        open.checkpoint_blocks = false;
        SwinV2 other(open);
        const Parameters its(other, dtype, Random{}, Device::meta);
        const size_t largest = watched_pass(other, its, images, &scratch).largest_scratch;
        seen.peak += largest - std::min(largest, seen.largest_scratch);
    }
    result.saved = seen.saved;
    result.peak = seen.peak;
    result.forward_flops = seen.forward_flops;
    result.flops = seen.flops;
    return result;
}

}  // namespace swingrad
