#include "train/program/kernels/step_bound.h"

#include "core/io/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace swingrad {
namespace {

std::string without_types(const std::string& name) { return name.substr(0, name.find('<')); }

// The same instance where both name their types alike; else the instance of that kernel with the most registers.
KernelResources resources_of(const std::string& name, const std::vector<KernelResources>& compiled,
                             const std::string& architecture) {
    KernelResources found;
    for (const KernelResources& kernel : compiled) {
        if (kernel.architecture != architecture) continue;
        if (kernel.name == name) return kernel;
        if (without_types(kernel.name) == without_types(name) && kernel.registers > found.registers) found = kernel;
    }
    return found;
}

double ratio(int64_t a, int64_t b) { return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b); }
std::string or_dash(bool known, const std::string& text) { return known ? text : "-"; }
std::string bytes(int64_t count) { return bytes_text(static_cast<size_t>(count)); }

}  // namespace

double StepBound::seconds() const {
    double sum = product_seconds + other_seconds;
    for (const KernelBound& kernel : kernels) sum += kernel.seconds;
    return sum;
}

StepBound bound_of(const cuda::DeviceCounts& counts, const std::vector<KernelResources>& compiled, const Gpu& gpu) {
    StepBound bound;
    for (const cuda::KernelCount& count : counts.kernels) {
        KernelBound kernel{count, resources_of(count.name, compiled, gpu.processor.architecture)};
        if (kernel.resources.registers > 0)
            kernel.occupancy = occupancy(gpu.processor, kernel.resources, count.block_threads, count.shared_bytes);
        kernel.seconds = static_cast<double>(count.memory_bytes()) / gpu.bytes_per_second;
        bound.kernels.push_back(kernel);
    }
    for (const cuda::ProductCount& product : counts.products) {
        bound.products += product.calls;
        bound.product_bytes += product.memory_bytes();
        bound.product_flops += product.flops();
        const double flops_a_second = product.factor_bytes == 2 ? gpu.bfloat16_flops : gpu.float32_flops;
        bound.product_seconds += std::max(product.flops() / flops_a_second,
                                          static_cast<double>(product.memory_bytes()) / gpu.bytes_per_second);
    }
    bound.copies = counts.copies;
    bound.copied_bytes = counts.copied_bytes;
    bound.fills = counts.fills;
    bound.filled_bytes = counts.filled_bytes;
    bound.other_seconds = static_cast<double>(2 * counts.copied_bytes + counts.filled_bytes) / gpu.bytes_per_second;
    bound.nodes = counts.nodes();
    return bound;
}

std::string text_of(const StepBound& bound, const Gpu& gpu) {
    static constexpr char row[] = "{:<44} {:>8} {:>10} {:>10} {:>8} {:>8} {:>8} {:>6} {:>6} {:>5} {:>9}\n";
    std::string text = fmt::format(row, "kernel", "launches", "read", "written", "rereads", "sectors", "threads",
                                   "passes", "regs", "occ.", "us");
    int64_t launches = 0;
    for (const KernelBound& kernel : bound.kernels) {
        const cuda::KernelCount& count = kernel.count;
        const bool seen = count.requests > 0, compiled = kernel.resources.registers > 0;
        launches += count.launches;
        text += fmt::format(row, count.name.substr(0, 44), count.launches,
                            or_dash(seen, bytes(count.read_sectors * cuda::sector_bytes)),
                            or_dash(seen, bytes(count.written_sectors * cuda::sector_bytes)),
                            or_dash(seen, fmt::format("{:.2f}", count.rereads())),
                            or_dash(seen, fmt::format("{:.1f}", ratio(count.request_sectors, count.requests))),
                            or_dash(seen, fmt::format("{:.1f}", ratio(count.request_threads, count.requests))),
                            or_dash(count.least_shared_passes > 0,
                                    fmt::format("{:.2f}", ratio(count.shared_passes, count.least_shared_passes))),
                            or_dash(compiled, fmt::format("{}{}", kernel.resources.registers,
                                                          kernel.resources.stack_bytes > 0 ? "s" : "")),
                            or_dash(compiled, fmt::format("{:.0f} %", 100 * kernel.occupancy)),
                            or_dash(seen, fmt::format("{:.2f}", 1e6 * kernel.seconds)));
    }
    text += fmt::format("\nnodes {}: {} launches, {} products, {} copies, {} fills with zeros\n", bound.nodes, launches,
                        bound.products, bound.copies, bound.fills);
    text +=
        fmt::format("products {}FLOP, {}; copies {}, fills {}\n", count_text(static_cast<int64_t>(bound.product_flops)),
                    bytes(bound.product_bytes), bytes(bound.copied_bytes), bytes(bound.filled_bytes));
    text += fmt::format(
        "predicted, not measured, for {}: memory and products {:.1f} us, of which products {:.1f};\n"
        "{} nodes at {:.0f} us each {:.1f} us. A step takes at least the longer of the two.\n",
        gpu.text, 1e6 * bound.seconds(), 1e6 * bound.product_seconds, bound.nodes, 1e6 * seconds_a_node,
        1e6 * bound.node_seconds());
    return text;
}

nlohmann::json as_json(const StepBound& bound, const Gpu& gpu) {
    nlohmann::json kernels = nlohmann::json::array();
    for (const KernelBound& kernel : bound.kernels) {
        const cuda::KernelCount& count = kernel.count;
        nlohmann::json line = {{"name", count.name},
                               {"launches", count.launches},
                               {"blocks", count.blocks},
                               {"block_threads", count.block_threads},
                               {"shared_bytes", count.shared_bytes},
                               {"read_bytes", count.read_sectors * cuda::sector_bytes},
                               {"written_bytes", count.written_sectors * cuda::sector_bytes},
                               {"requests", count.requests},
                               {"request_sectors", count.request_sectors},
                               {"request_threads", count.request_threads},
                               {"shared_passes", count.shared_passes},
                               {"least_shared_passes", count.least_shared_passes},
                               {"predicted_us", 1e6 * kernel.seconds}};
        if (kernel.resources.registers > 0)
            line.update({{"registers", kernel.resources.registers},
                         {"stack_bytes", kernel.resources.stack_bytes},
                         {"occupancy", kernel.occupancy}});
        kernels.push_back(line);
    }
    return {{"kernels", kernels},
            {"products", bound.products},
            {"product_flops", bound.product_flops},
            {"product_bytes", bound.product_bytes},
            {"copies", bound.copies},
            {"copied_bytes", bound.copied_bytes},
            {"fills", bound.fills},
            {"filled_bytes", bound.filled_bytes},
            {"nodes", bound.nodes},
            {"gpu", gpu.name},
            {"predicted_us", 1e6 * bound.seconds()},
            {"predicted_products_us", 1e6 * bound.product_seconds},
            {"predicted_nodes_us", 1e6 * bound.node_seconds()}};
}

}  // namespace swingrad
