#include "cuda/emulator/counts/counts.h"

#include "core/error.h"
#include "cuda/runtime/kernel_counts.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <tuple>

namespace swingrad::cuda {
namespace emulator::counts {
namespace {

struct Kept {
    std::mutex mutex;
    std::map<std::string, KernelCount> kernels;
    std::map<std::tuple<int64_t, int64_t, int64_t, int64_t, size_t, size_t>, ProductCount> products;
    DeviceCounts others;  // copies and fills
};
Kept& kept() {
    static auto& all = *new Kept;
    return all;
}
std::atomic<bool> counting = false;

#ifdef SWINGRAD_KERNEL_CHECK
constexpr bool sees_accesses = true;  // and blocks run one at a time
#else
constexpr bool sees_accesses = false;
#endif

}  // namespace

bool on() { return counting.load(std::memory_order_relaxed); }

void launched(const Launch& launch, const Kernel& kernel) {
    if (!on()) return;
    const AccessCounts seen = sees_accesses ? end_launch() : AccessCounts{};
    const std::lock_guard lock(kept().mutex);
    KernelCount& count = kept().kernels[kernel.name];
    count.name = kernel.name;
    const auto blocks = static_cast<int64_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
    const auto block_threads = static_cast<int64_t>(launch.block.x) * launch.block.y * launch.block.z;
    ++count.launches;
    count.blocks += blocks;
    count.threads += blocks * block_threads;
    count.block_threads = std::max(count.block_threads, block_threads);
    count.shared_bytes =
        std::max(count.shared_bytes, static_cast<int64_t>(launch.shared_bytes + kernel.own_shared_bytes));
    count.read_sectors += seen.read_sectors;
    count.written_sectors += seen.written_sectors;
    count.requests += seen.requests;
    count.request_sectors += seen.request_sectors;
    count.request_threads += seen.request_threads;
    count.shared_passes += seen.shared_passes;
    count.least_shared_passes += seen.least_shared_passes;
}

void multiplied(int64_t batch, int64_t m, int64_t n, int64_t k, size_t factor_bytes, size_t result_bytes) {
    if (!on()) return;
    const std::lock_guard lock(kept().mutex);
    ProductCount& count = kept().products[{batch, m, n, k, factor_bytes, result_bytes}];
    const int64_t calls = count.calls + 1;
    count = {m, n, k, batch, static_cast<int64_t>(factor_bytes), static_cast<int64_t>(result_bytes), calls};
}

void copied(size_t bytes) {
    if (!on()) return;
    const std::lock_guard lock(kept().mutex);
    ++kept().others.copies;
    kept().others.copied_bytes += static_cast<int64_t>(bytes);
}

void filled(size_t bytes) {
    if (!on()) return;
    const std::lock_guard lock(kept().mutex);
    ++kept().others.fills;
    kept().others.filled_bytes += static_cast<int64_t>(bytes);
}

}  // namespace emulator::counts

using emulator::counts::kept;

double KernelCount::rereads() const {
    const int64_t distinct = read_sectors + written_sectors;
    return distinct == 0 ? 0 : static_cast<double>(request_sectors) / static_cast<double>(distinct);
}

double ProductCount::flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) *
           static_cast<double>(batch * calls);
}
int64_t ProductCount::memory_bytes() const {
    return ((m * k + k * n) * factor_bytes + m * n * result_bytes) * batch * calls;
}

int64_t DeviceCounts::launches() const {
    int64_t sum = 0;
    for (const KernelCount& kernel : kernels) sum += kernel.launches;
    return sum;
}
int64_t DeviceCounts::nodes() const {
    int64_t sum = launches() + copies + fills;
    for (const ProductCount& product : products) sum += product.calls;
    return sum;
}

bool counts_accesses() { return emulator::counts::sees_accesses; }

CountDevice::CountDevice() {
    check(!emulator::counts::counting.exchange(true), "[cuda] what is asked of the device is being counted already");
    const std::lock_guard lock(kept().mutex);
    kept().kernels.clear();
    kept().products.clear();
    kept().others = {};
}
CountDevice::~CountDevice() { emulator::counts::counting = false; }

DeviceCounts CountDevice::counts() const {
    const std::lock_guard lock(kept().mutex);
    DeviceCounts all = kept().others;
    for (const auto& [name, kernel] : kept().kernels) all.kernels.push_back(kernel);
    std::stable_sort(all.kernels.begin(), all.kernels.end(),
                     [](const auto& a, const auto& b) { return a.memory_bytes() > b.memory_bytes(); });
    for (const auto& [shape, product] : kept().products) all.products.push_back(product);
    std::stable_sort(all.products.begin(), all.products.end(),
                     [](const auto& a, const auto& b) { return a.flops() > b.flops(); });
    return all;
}

}  // namespace swingrad::cuda
