#include "train/program/kernels/gpu.h"

#include "train/loop/recipe.h"

#include <algorithm>
#include <array>

namespace swingrad {

std::span<const Gpu> gpus() {
    static const Multiprocessor ampere{"sm_80", 65536, 2048, 32, 164 << 10},
        hopper{"sm_90", 65536, 2048, 32, 228 << 10};
    static const std::array<Gpu, 3> all{Gpu{"a100", "A100 80GB, SXM", 2.039e12, 312e12, 19.5e12, ampere},
                                        Gpu{"h100", "H100, SXM", 3.35e12, 989e12, 67e12, hopper},
                                        Gpu{"h200", "H200, SXM", 4.8e12, 989e12, 67e12, hopper}};
    return all;
}

const Gpu& gpu_named(const std::string& name) {
    const auto found = std::find_if(gpus().begin(), gpus().end(), [&](const Gpu& gpu) { return gpu.name == name; });
    if (found == gpus().end()) fail_usage("--gpu expects a100, h100 or h200, got \"{}\"", name);
    return *found;
}

double occupancy(const Multiprocessor& processor, const KernelResources& kernel, int64_t block_threads,
                 int64_t block_shared_bytes) {
    constexpr int64_t warp = 32, register_unit = 256, shared_unit = 128, shared_of_system = 1024;
    const auto rounded_up = [](int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; };
    if (block_threads == 0) return 0;
    const int64_t warps = rounded_up(block_threads, warp) / warp;
    const int64_t registers = rounded_up(std::max<int64_t>(kernel.registers, 1) * warp, register_unit);
    const int64_t shared = rounded_up(block_shared_bytes + shared_of_system, shared_unit);
    const int64_t blocks = std::min({processor.registers / registers / warps, processor.shared_bytes / shared,
                                     processor.threads / (warps * warp), processor.blocks});
    return static_cast<double>(blocks * warps * warp) / static_cast<double>(processor.threads);
}

}  // namespace swingrad
