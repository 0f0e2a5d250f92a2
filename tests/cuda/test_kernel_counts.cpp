// What cuda/runtime/kernel_counts.h counts, against what one counts by hand.

#include "cuda/emulator/engine/options.h"
#include "cuda/runtime/gemm.h"
#include "cuda/runtime/kernel_counts.h"
#include "cuda/runtime/runtime.h"
#include "tests/cuda/counted_kernels.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;
using cuda::CountDevice;
using cuda::DeviceCounts;
using cuda::KernelCount;

namespace {

Tensor numbers_on_device(int64_t count) { return Tensor::zeros({count}, DType::float32, Device::cuda); }

// Of the only kernel that `work` launches.
template <class Work>
KernelCount count_of(Work work) {
    const CountDevice counting;
    work();
    const DeviceCounts counts = counting.counts();
    REQUIRE(counts.kernels.size() == 1);
    return counts.kernels[0];
}

// Counts of accesses are 0 where nothing looks at them.
int64_t seen(int64_t count) { return cuda::counts_accesses() ? count : 0; }

}  // namespace

TEST_CASE("launches, products, copies and fills are counted", "[emulator]") {
    const Tensor x = numbers_on_device(200), y = numbers_on_device(200), b = numbers_on_device(6),
                 c = numbers_on_device(6);
    const CountDevice counting;
    copy_every(200, 1, x.device_data<float>(), y.device_data<float>());
    copy_every(100, 2, x.device_data<float>(), y.device_data<float>());
    cuda::gemm(Layout::plain, Layout::plain, 2, 3, 2, x.device_data<float>(), 2, b.device_data<float>(), 3,
               c.device_data<float>(), 3, false);
    cuda::gemm_batched(Layout::plain, Layout::plain, 2, 1, 3, 1, x.device_data<float>(), b.device_data<float>(),
                       c.device_data<float>());
    memory_of(Device::cuda).copy_within(y.device_data<float>(), x.device_data<float>(), 40);
    memory_of(Device::cuda).fill_zero(y.device_data<float>(), 80);
    const DeviceCounts counts = counting.counts();
    REQUIRE(counts.kernels.size() == 1);
    const KernelCount& kernel = counts.kernels[0];
    REQUIRE(kernel.name == "test::copy_every_kernel");
    REQUIRE(kernel.launches == 2);
    REQUIRE(kernel.blocks == 4 + 2);
    REQUIRE(kernel.threads == 6 * 64);
    REQUIRE(kernel.block_threads == 64);
    REQUIRE(counts.products.size() == 2);
    REQUIRE(counts.products[0].flops() == 2 * 2 * 3 * 2);  // the larger one first
    REQUIRE(counts.products[0].memory_bytes() == 4 * (4 + 6 + 6));
    REQUIRE(counts.products[1].batch == 2);
    REQUIRE(counts.products[1].flops() == 2 * 2 * 3);
    REQUIRE(counts.products[1].memory_bytes() == 2 * 4 * (1 + 3 + 3));
    REQUIRE(counts.copies == 1);
    REQUIRE(counts.copied_bytes == 40);
    REQUIRE(counts.fills == 1);
    REQUIRE(counts.filled_bytes == 80);
    REQUIRE(counts.nodes() == 2 + 2 + 1 + 1);
}

TEST_CASE("a graph that is launched again is counted again", "[emulator]") {
    const Tensor x = numbers_on_device(64), y = numbers_on_device(64);
    cuda::Graph graph([&] { copy_every(64, 1, x.device_data<float>(), y.device_data<float>()); });
    const KernelCount count = count_of([&] {
        graph.launch();
        graph.launch();
    });
    REQUIRE(count.launches == 2);
    REQUIRE(count.read_sectors == seen(2 * 8));
}

TEST_CASE("one counts at a time, and nothing is left of what was counted before", "[emulator]") {
    const Tensor x = numbers_on_device(64), y = numbers_on_device(64);
    const auto copy = [&] { copy_every(64, 1, x.device_data<float>(), y.device_data<float>()); };
    REQUIRE(count_of(copy).launches == 1);
    copy();  // nobody counts
    REQUIRE(count_of(copy).launches == 1);
    const CountDevice counting;
    REQUIRE_THROWS_WITH(CountDevice(), "[cuda] what is asked of the device is being counted already");
}

TEST_CASE("a warp that reads side by side asks for each sector once", "[emulator]") {
    const Tensor x = numbers_on_device(256), y = numbers_on_device(256);
    const KernelCount count = count_of([&] { copy_every(256, 1, x.device_data<float>(), y.device_data<float>()); });
    REQUIRE(count.read_sectors == seen(256 * 4 / 32));
    REQUIRE(count.written_sectors == seen(256 * 4 / 32));
    REQUIRE(count.memory_bytes() == seen(2048));
    REQUIRE(count.requests == seen(2 * 8));  // a read and a write by each of 8 warps
    REQUIRE(count.request_sectors == seen(2 * 8 * 4));
    REQUIRE(count.request_threads == seen(2 * 256));
    REQUIRE(count.rereads() == static_cast<double>(seen(1)));
}

TEST_CASE("a warp that reads far apart asks for a sector a thread", "[emulator]") {
    const Tensor x = numbers_on_device(64 * 16), y = numbers_on_device(64);
    const KernelCount count = count_of([&] { copy_every(64, 16, x.device_data<float>(), y.device_data<float>()); });
    REQUIRE(count.read_sectors == seen(64));
    REQUIRE(count.written_sectors == seen(8));
    REQUIRE(count.request_sectors == seen(64 + 8));
}

TEST_CASE("threads that take no part are no part of a request", "[emulator]") {
    const Tensor x = numbers_on_device(64), y = numbers_on_device(64);
    const KernelCount count = count_of([&] { copy_every(40, 1, x.device_data<float>(), y.device_data<float>()); });
    REQUIRE(count.requests == seen(2 * 2));
    REQUIRE(count.request_threads == seen(2 * 40));
}

TEST_CASE("an access of 16 bytes is one request", "[emulator]") {
    const Tensor x = numbers_on_device(256), y = numbers_on_device(256);
    const KernelCount count = count_of([&] { copy_by_16_bytes(256, x.device_data<float>(), y.device_data<float>()); });
    REQUIRE(count.requests == seen(2 * 2));
    REQUIRE(count.request_sectors == seen(2 * 32));
    REQUIRE(count.rereads() == static_cast<double>(seen(1)));
}

TEST_CASE("what every block reads is one read of memory and many requests", "[emulator]") {
    const Tensor x = numbers_on_device(32), y = numbers_on_device(200 * 32);
    const KernelCount count = count_of([&] { read_by_all(200, x.device_data<float>(), y.device_data<float>()); });
    REQUIRE(count.read_sectors == seen(4));
    REQUIRE(count.written_sectors == seen(200 * 4));
    REQUIRE(count.request_sectors == seen(200 * (4 + 4)));  // of 64 blocks and more, which stand for all
    REQUIRE(count.requests == seen(200 * 2));
}

TEST_CASE("bank conflicts are passes", "[emulator]") {
    const Tensor y = numbers_on_device(32);
    const auto passes_of = [&](int step) {
        const KernelCount count = count_of([&] { step_through_shared(step, y.device_data<float>()); });
        REQUIRE(count.least_shared_passes == seen(2));
        REQUIRE(count.shared_bytes == 32 * step * 4);
        return count.shared_passes;
    };
    REQUIRE(passes_of(1) == seen(2));
    REQUIRE(passes_of(2) == seen(2 * 2));
    REQUIRE(passes_of(33) == seen(2));  // a column of a padded tile
    REQUIRE(passes_of(32) == seen(2 * 32));
}
