// What a right kernel computes when emulated, in whatever order its threads run.

#include "core/threads.h"
#include "cuda/emulator/engine/options.h"
#include "cuda/runtime/runtime.h"
#include "tests/cuda/sound_kernels.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <numeric>
#include <thread>

using namespace swingrad;
using namespace swingrad::test;
namespace emulator = swingrad::cuda::emulator;

namespace {

template <class T>
Tensor on_device(const std::vector<T>& values) {
    const Tensor host = Tensor::empty({static_cast<int64_t>(values.size())}, dtype_of<T>());
    std::copy(values.begin(), values.end(), host.data<T>());
    return host.on(Device::cuda);
}
template <class T>
Tensor zeros_on_device(int64_t count) {
    return on_device(std::vector<T>(static_cast<size_t>(count)));
}
template <class T>
std::vector<T> to_host(const Tensor& tensor) {
    const Tensor host = tensor.on_cpu();
    return {host.data<T>(), host.data<T>() + host.numel()};
}

// Runs the test once for each of several orders of a block's threads, the last time on one core.
template <class Test>
void in_several_orders(Test test) {
    const emulator::Options before = emulator::options();
    for (const uint32_t seed : {0, 1, 2, 3, 4, 5, 6}) {
        INFO("seed " << seed);
        emulator::options().seed = seed;
        emulator::options().workers = seed == 6 ? 1 : 0;
        test();
    }
    emulator::options() = before;
}

}  // namespace

TEST_CASE("every thread of every block runs once and knows its number", "[emulator]") {
    in_several_orders([] {
        const Tensor y = zeros_on_device<int64_t>(288);
        number_threads(y.device_data<int64_t>());
        std::vector<int64_t> expected(288);
        std::iota(expected.begin(), expected.end(), 0);
        REQUIRE(to_host<int64_t>(y) == expected);
    });
}

TEST_CASE("shuffles, votes and sums of a warp give each lane what CUDA gives it", "[emulator]") {
    std::vector<float> v(32);
    for (size_t i = 0; i < 32; ++i) v[i] = static_cast<float>(i) * 1.37f - 20;
    in_several_orders([&] {
        const Tensor y = zeros_on_device<float>(320);
        try_warp(on_device(v).device_data<float>(), y.device_data<float>());
        const auto all = to_host<float>(y);
        for (size_t lane = 0; lane < 32; ++lane) {
            const auto got = [&](size_t row) { return all[row * 32 + lane]; };
            const size_t group = lane / 8 * 8;
            REQUIRE(got(0) == v[5]);
            REQUIRE(got(1) == v[group + 3]);
            REQUIRE(got(2) == v[lane ^ 1]);
            REQUIRE(got(3) == ((lane ^ 9) < group + 8 ? v[lane ^ 9] : v[lane]));
            REQUIRE(got(4) == v[lane + 4 < 32 ? lane + 4 : lane]);
            REQUIRE(got(5) == v[lane >= 3 ? lane - 3 : lane]);
            REQUIRE(got(6) == 17);
            const float sum =
                std::accumulate(v.begin() + static_cast<int>(group), v.begin() + static_cast<int>(group) + 8, 0.0f);
            REQUIRE(got(7) == Approx(sum + (group >= 8 ? 1000 : 0) + (group >= 16 ? 2000 : 0)));
            REQUIRE(got(8) == got(9));  // to the bit
        }
        std::vector<double> w(32, -3);
        w[11] = -0.5;
        const Tensor most = zeros_on_device<double>(32);
        try_warp_max(on_device(w).device_data<double>(), most.device_data<double>());
        REQUIRE(to_host<double>(most) == std::vector<double>(32, -0.5));
    });
}

TEST_CASE("threads of a block work together by barriers and shared memory, static and dynamic", "[emulator]") {
    std::vector<float> x(1000);
    std::iota(x.begin(), x.end(), 1.0f);
    in_several_orders([&] {
        const Tensor sum = zeros_on_device<float>(1);
        sum_by_block(1000, on_device(x).device_data<float>(), sum.device_data<float>());
        REQUIRE(to_host<float>(sum)[0] == 500500);

        std::vector<float> signs(48, 1);
        signs[40] = -1;
        const Tensor votes = zeros_on_device<float>(3);
        vote(on_device(signs).device_data<float>(), votes.device_data<float>());
        REQUIRE(to_host<float>(votes) == std::vector<float>{47, 1, 0});

        constexpr size_t n = 75;
        std::vector<float> square(n * n);
        std::iota(square.begin(), square.end(), 0.0f);
        const Tensor turned = zeros_on_device<float>(n * n);
        transpose(n, on_device(square).device_data<float>(), turned.device_data<float>());
        const auto got = to_host<float>(turned);
        for (size_t i = 0; i < n; ++i)
            for (size_t j = 0; j < n; ++j) REQUIRE(got[i * n + j] == square[j * n + i]);
    });
}

TEST_CASE("the kernels' sum of columns may be called twice in a row", "[emulator]") {
    in_several_orders([] {
        const Tensor y = zeros_on_device<float>(2 * 40);
        sum_columns_twice(50, 40, on_device(std::vector<float>(50 * 40, 1)).device_data<float>(),
                          y.device_data<float>());
        const auto sums = to_host<float>(y);
        for (size_t c = 0; c < 40; ++c) REQUIRE((sums[c] == 50 && sums[40 + c] == 100));
    });
}

TEST_CASE("lanes work together by __syncwarp, and copies arrive when they are waited for", "[emulator]") {
    std::vector<float> x(256);
    std::iota(x.begin(), x.end(), 0.0f);
    in_several_orders([&] {
        const Tensor y = zeros_on_device<float>(256);
        reverse_by_warp(256, on_device(x).device_data<float>(), y.device_data<float>());
        const auto reversed = to_host<float>(y);
        for (size_t i = 0; i < 256; ++i) REQUIRE(reversed[i] == x[i / 32 * 32 + 31 - i % 32]);
        copy_in_groups(on_device(x).device_data<float>(), y.device_data<float>());
        const auto copied = to_host<float>(y);
        for (size_t i = 0; i < 64; ++i) REQUIRE(copied[i] == x[i / 32 * 32 + 31 - i % 32]);
    });
}

TEST_CASE("atomic operations of all blocks add up", "[emulator]") {
    in_several_orders([] {
        const Tensor counts = on_device<int32_t>({0, -1, 1 << 30}), sum = zeros_on_device<double>(1);
        count_by_atomics(200, counts.device_data<int32_t>(), sum.device_data<double>());
        REQUIRE(to_host<int32_t>(counts) == std::vector<int32_t>{25600, 25599, 0});
        REQUIRE(to_host<double>(sum)[0] == 6400);
    });
}

TEST_CASE("wmma multiplies matrices of bfloat16", "[emulator]") {
    std::vector<bfloat16> a(256), b(256);
    for (size_t i = 0; i < 256; ++i) {
        a[i] = bfloat16(static_cast<float>(i % 7) - 3);
        b[i] = bfloat16(static_cast<float>(i % 11) - 5);
    }
    in_several_orders([&] {
        const Tensor c = zeros_on_device<float>(256);
        multiply_by_wmma(on_device(a).device_data<bfloat16>(), on_device(b).device_data<bfloat16>(),
                         c.device_data<float>());
        const auto got = to_host<float>(c);
        for (size_t i = 0; i < 16; ++i)
            for (size_t j = 0; j < 16; ++j) {
                float expected = 0;
                for (size_t k = 0; k < 16; ++k)
                    expected += 2 * static_cast<float>(a[i * 16 + k]) * static_cast<float>(b[j * 16 + k]);
                REQUIRE(got[i * 16 + j] == expected);
            }
    });
}

TEST_CASE("CUDA's arithmetic and vectors are there, and arguments are converted", "[emulator]") {
    const Tensor y = zeros_on_device<float>(6);
    try_arithmetic(y.device_data<float>());
    REQUIRE(to_host<float>(y) == std::vector<float>{0.25f, 0.25f, 1, 0.5f, 9, 4});
    fill(6, 2.5f, y.device_data<float>());
    REQUIRE(to_host<float>(y) == std::vector<float>(6, 2.5f));
}

TEST_CASE("a kernel that never waits never switches", "[emulator]") {
    const Tensor y = zeros_on_device<float>(640);
    const auto before = emulator::counters();
    fill(640, 1, y.device_data<float>());
    const auto after = emulator::counters();
    REQUIRE(after.launches - before.launches == 1);
    REQUIRE(after.blocks - before.blocks == 10);
    REQUIRE(after.threads - before.threads == 640);
    REQUIRE(after.switches == before.switches);
    const std::vector<float> ones(48, 1);
    vote(on_device(ones).device_data<float>(), y.device_data<float>());
    REQUIRE(emulator::counters().barriers - after.barriers == 3);
    REQUIRE(emulator::counters().switches - after.switches >= 3 * 47);
}

TEST_CASE("kernels may be launched from several threads and inside a parallel_for", "[emulator]") {
    std::vector<Tensor> results;
    for (int i = 0; i < 8; ++i) results.push_back(zeros_on_device<float>(40000));
    parallel_for(8, [&](int64_t piece) {
        fill(40000, static_cast<float>(piece), results[static_cast<size_t>(piece)].device_data<float>());
    });
    for (size_t i = 0; i < 8; ++i)
        REQUIRE(to_host<float>(results[i]) == std::vector<float>(40000, static_cast<float>(i)));

    const auto many = [](const Tensor& y, float value) {
        for (int i = 0; i < 50; ++i) fill(40000, value, y.device_data<float>());
    };
    std::thread other([&] { many(results[0], 5); });
    many(results[1], 6);
    other.join();
    REQUIRE(to_host<float>(results[0])[39999] == 5);
    REQUIRE(to_host<float>(results[1])[39999] == 6);
}
