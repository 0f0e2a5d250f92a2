// What a GPU computes and reads a second is in train/program/kernels/gpu.cpp. Sources of the rest, as published:
// NVIDIA's data sheets of A100 80GB SXM, H100 SXM (80 GB) and H200 SXM (141 GB); NVLink 600 GB/s (A100) and 900 GB/s in
// both directions together; InfiniBand HDR 200 Gb/s and NDR 400 Gb/s, one adapter a GPU. Latencies of a message are of
// the usual size, and so is what processes on one machine reach through shared memory.

#include "train/program/plan/machines.h"

#include "core/io/suggest.h"
#include "train/loop/recipe.h"
#include "train/program/kernels/gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include <unistd.h>

namespace swingrad {
namespace {

constexpr double giga = 1e9, gib = 1024.0 * 1024 * 1024;
constexpr double context = 2 * gib;  // what driver, libraries of collectives and what lies between tensors take

Machine gpu(const char* name, const char* text, double memory_gb, double nvlink_gb, const char* network,
            double network_gb) {
    const Gpu& processor = gpu_named(name);
    return {name,
            text,
            memory_gb * giga,
            context,
            achieved_share * processor.float32_flops,
            achieved_share * processor.bfloat16_flops,
            processor.bytes_per_second,
            8,
            {"NVLink", nvlink_gb * giga, 5e-6},
            {network, network_gb * giga, 10e-6}};
}

const std::vector<Machine>& machines() {
    static const std::vector<Machine> all{gpu("a100", "NVIDIA A100 SXM, 80 GB", 80, 300, "InfiniBand HDR", 25),
                                          gpu("h100", "NVIDIA H100 SXM, 80 GB", 80, 450, "InfiniBand NDR", 50),
                                          gpu("h200", "NVIDIA H200 SXM, 141 GB", 141, 450, "InfiniBand NDR", 50)};
    return all;
}

}  // namespace

const std::vector<std::string>& gpu_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const Machine& machine : machines()) list.push_back(machine.name);
        list.emplace_back("cpu");
        return list;
    }();
    return names;
}

Machine machine_named(const std::string& name) {
    for (const Machine& machine : machines())
        if (machine.name == name) return machine;
    fail_usage("unknown --gpu \"{}\": {}", name, suggestion(name, gpu_names()));
}

Machine this_cpu(int threads) {
    const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
    const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency())),
              ranks = std::max(1, cores / std::max(1, threads));
    return {"cpu",
            fmt::format("this machine's CPU, {} {} a rank, {} {} a machine", threads,
                        threads == 1 ? "thread" : "threads", ranks, ranks == 1 ? "rank" : "ranks"),
            memory / ranks,
            0.05 * memory / ranks,
            0,
            0,
            0,
            ranks,
            {"shared memory", 4 * giga, 50e-6},
            {"InfiniBand HDR", 25 * giga, 10e-6}};
}

}  // namespace swingrad
