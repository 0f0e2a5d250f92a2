// GPUs and links that a plan can be made for: figures as their makers publish them. Nothing here was measured.
#pragma once

#include "core/dtype.h"

#include <string>
#include <vector>

namespace swingrad {

// Between ranks, as one rank sees it.
struct Link {
    std::string name;
    double bytes_per_second;  // in one direction
    double latency;           // seconds a message
};

struct Machine {
    std::string name;                // "h200"
    std::string text;                // "NVIDIA H200, 141 GB"
    double memory;                   // bytes of one rank
    double reserve;                  // bytes of these that a model cannot have
    double flops_f32, flops_bf16;    // a second that a step is assumed to achieve; 0 where that must be measured
    double memory_bytes_per_second;  // of memory; 0 likewise
    int ranks_a_node;                // that `inside` joins; beyond them `outside` does
    Link inside, outside;

    double flops(DType dtype) const { return dtype == DType::bfloat16 ? flops_bf16 : flops_f32; }
};

// What a plan assumes of a GPU: which share of the peak a training step's products achieve. `plan --rate` says another.
inline constexpr double achieved_share = 0.35;

// The GPU of that name: "a100", "h100" or "h200". Throws a UsageError naming those there are.
Machine machine_named(const std::string& name);
const std::vector<std::string>& gpu_names();

// This machine's CPU, whose ranks, each of so many threads, share its memory. What it computes a second is not known.
Machine this_cpu(int threads);

}  // namespace swingrad
