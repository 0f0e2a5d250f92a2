#include "train/program/plan/rank_memory.h"

#include "train/optim/mean_gradient.h"

#include <algorithm>
#include <bit>

namespace swingrad {

int64_t RankWork::at_once() const {
    return on == PlannedOn::cpu && sums_gradients() && worth_a_thread_each(parts, threads)
               ? std::min<int64_t>(parts, threads)
               : 1;
}

int64_t sums_at_once(int64_t parts, int64_t at_once) {
    int64_t waiting = 0;  // where all before micro-batch i are added: a sum for each 1 of its binary digits
    for (int64_t i = 0; i + at_once <= parts && i < 1 << 16; ++i)
        waiting = std::max<int64_t>(waiting, std::popcount(static_cast<uint64_t>(i)));
    return waiting + std::min(at_once, parts);
}

PassMemory pass_of(const SwinConfig& config, const RankWork& work) {
    const int threads = work.at_once() > 1 ? 1 : work.threads;
    return pass_memory(config, work.dtype, work.images, work.on, threads, work.sums_gradients());
}

std::vector<MemoryPart> rank_memory(const SwinConfig& config, const RankWork& work, const PassMemory& pass) {
    const auto bytes = [](size_t count) { return static_cast<double>(count); };
    const bool mixed = pass.copies > 0, gpu = work.on == PlannedOn::gpu;
    const double share = work.zero ? 1 / static_cast<double>(work.ranks) : 1;
    const auto at_once = static_cast<double>(work.at_once());

    // In mixed precision values are masters beside the copies that the model computes with.
    const double masters = mixed ? bytes(pass.values) * share : 0;
    const double weights = mixed ? bytes(pass.copies) : bytes(pass.values);
    // Collected by the pass beside the parameters' own; summed in float32.
    double sums = 0;
    if (work.sums_gradients()) {
        const auto count = static_cast<double>(sums_at_once(work.parts, work.at_once()));
        if (gpu) sums = bytes(pass.values) * (1 + count);  // where a pass' land, and the tree's
        else if (mixed) sums = bytes(pass.values) * count + at_once * bytes(pass.gradients + pass.copies_gradients);
        else sums = bytes(pass.values) * count;
    }
    const Extent size = config.img_size;
    const auto batch =
        static_cast<double>(work.parts * work.images * (size.rows * size.columns * config.in_chans * 4 + 8));
    const double scratch = at_once * bytes(pass.peak - pass.saved) + bytes(pass.packed);
    std::vector<MemoryPart> parts{
        {"weights", mixed ? "bfloat16 copies, which the model computes with" : "float32", weights},
        {"gradients", mixed ? "bfloat16" : "float32", bytes(pass.gradients + pass.copies_gradients)},
        {"moments", "AdamW's two, float32", 2 * bytes(pass.values) * share},
        {"masters", mixed ? "float32 weights" : "none: weights are float32", masters},
        {"sums", work.sums_gradients() ? "of micro-batches' gradients, float32" : "none: one micro-batch", sums},
        {"batch", "its images, float32, and labels", batch},
        {"activations", "what forward keeps for backward", at_once * bytes(pass.saved)},
        {"workspace",
         gpu ? "gradients of activations on their way"
             : "gradients of activations on their way, packed weights, operations' scratch memory",
         scratch}};
    if (!gpu) parts.push_back({"program", "code and libraries, as measured", program_bytes});
    return parts;
}

double total_of(const std::vector<MemoryPart>& parts) {
    double total = 0;
    for (const MemoryPart& part : parts) total += part.bytes;
    return total;
}

}  // namespace swingrad
