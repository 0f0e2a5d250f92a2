// What a training step asks of a device, kernel by kernel, beside what the compiled code says of each kernel and the
// time that a named GPU cannot be faster than. Predicted, not measured: memory and tensor cores at their full rates,
// nothing of a kernel's own arithmetic, and a fixed time for each node of the graph.
#pragma once

#include "cuda/runtime/kernel_counts.h"
#include "train/program/kernels/gpu.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace swingrad {

// Between the begin of one node of a graph and of the next, where neither has much to do: read off published timelines,
// good to a factor of two.
constexpr double seconds_a_node = 2e-6;

struct KernelBound {
    cuda::KernelCount count;
    KernelResources resources;  // registers 0: not known
    double occupancy = 0;       // 0: not known
    double seconds = 0;         // of all launches: bytes by the memory's rate
};

struct StepBound {
    std::vector<KernelBound> kernels;
    int64_t products = 0, product_bytes = 0;        // calls, and the bytes of their factors and results
    double product_flops = 0, product_seconds = 0;  // the longer of both, product by product
    int64_t copies = 0, copied_bytes = 0, fills = 0, filled_bytes = 0, nodes = 0;
    double other_seconds = 0;  // of copies and fills, which read and write

    double seconds() const;  // of kernels, products, copies and fills, with nothing between them
    double node_seconds() const { return static_cast<double>(nodes) * seconds_a_node; }
};

// `compiled`: of any architecture, empty where there is none.
StepBound bound_of(const cuda::DeviceCounts& counts, const std::vector<KernelResources>& compiled, const Gpu& gpu);

std::string text_of(const StepBound& bound, const Gpu& gpu);
nlohmann::json as_json(const StepBound& bound, const Gpu& gpu);

}  // namespace swingrad
