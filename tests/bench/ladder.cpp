// From three loops to the tile: one product, C [512, 2048] = A B with 512 terms a sum, in the steps of
// core/gemm/README.md, on one thread but for the last. GFLOP/s, the best of several repeats.
#include "core/gemm/packed_operand.h"
#include "core/gemm/small_product.h"
#include "core/random.h"
#include "core/threads.h"
#include "tests/bench/products.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

namespace swingrad::bench {
namespace {

constexpr int64_t m = 512, n = 2048, k = 512;
constexpr double flops = 2.0 * m * n * k;

struct Operands {
    Tensor a = numbers(m * k, 1), b = numbers(k * n, 2), c = Tensor::zeros({m * n}), expected = Tensor::zeros({m * n});
    Tensor a_half = a.to(DType::bfloat16), b_half = b.to(DType::bfloat16);

    static Tensor numbers(int64_t count, uint64_t stream) {
        const Tensor all = Tensor::empty({count});
        for (int64_t i = 0; i < count; ++i)
            all.data<float>()[i] = static_cast<float>(Random{0, stream}.normal(static_cast<uint64_t>(i)));
        return all;
    }
};

// 1. For each row and column a sum over the terms. The loop over l jumps through B, a row at a step.
void three_loops(const float* a, const float* b, float* c) {
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
            float sum = 0;
            for (int64_t l = 0; l < k; ++l) sum += a[i * k + l] * b[l * n + j];
            c[i * n + j] = sum;
        }
}

// 2. The same with the loops in another order: B and C are read in theirs, and the compiler makes vectors of columns.
// But each multiplication loads and stores a number of C.
void rows_of_b(const float* a, const float* b, float* c) {
    std::fill_n(c, m * n, 0.0f);
    for (int64_t i = 0; i < m; ++i)
        for (int64_t l = 0; l < k; ++l) {
            const float factor = a[i * k + l];
#pragma omp simd
            for (int64_t j = 0; j < n; ++j) c[i * n + j] += factor * b[l * n + j];
        }
}

// 3. A tile of C stays in registers. Rows of B are far apart, so each comes from another page of memory.
void tiles(const float* a, const float* b, float* c) { small_product(m, n, k, a, k, 1, b, n, c, n); }

double worst(const Operands& all) {
    double most = 0;
    for (int64_t i = 0; i < m * n; ++i)
        most = std::max(most, std::abs(double(all.c.data<float>()[i]) - double(all.expected.data<float>()[i])));
    return most;
}

void rung(const Operands& all, const char* name, double accuracy, const std::function<void()>& body) {
    double seconds = 1e9;
    for (int repeat = 0; repeat < 7; ++repeat) {
        const auto start = std::chrono::steady_clock::now();
        body();
        seconds = std::min(seconds, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    fmt::print("{:<66} {:>8.1f}{}\n", name, flops / seconds / 1e9,
               worst(all) < accuracy ? "" : "   and what it computes is wrong");
}

}  // namespace

void climb_ladder() {
    const Operands all;
    const float *a = all.a.data<float>(), *b = all.b.data<float>();
    float* c = all.c.data<float>();
    three_loops(a, b, all.expected.data<float>());
    fmt::print("{} x {} x {}{:<52} {:>8}\n", m, n, k, "", "GFLOP/s");
    rung(all, "1  three loops", 1e-2, [&] { three_loops(a, b, c); });
    rung(all, "2  the innermost loop over columns, in vectors", 1e-2, [&] { rows_of_b(a, b, c); });
    rung(all, "3  a tile of C in registers", 1e-2, [&] { tiles(a, b, c); });
    rung(all, "4  B packed in panels, at each call", 1e-2,
         [&] { gemm_block(Layout::plain, Layout::plain, m, n, k, a, k, b, n, c, n, false); });
    const PackedOperand<float> packed(Layout::plain, n, k, b, n);
    rung(all, "5  B packed once before", 1e-2, [&] { multiply(Layout::plain, m, a, k, packed, c, n); });
    const PackedOperand<bfloat16> halves(Layout::plain, n, k, all.b_half.data<bfloat16>(), n);
    rung(all, "6  bfloat16 (as the processor multiplies it, or widened)", 2,
         [&] { multiply(Layout::plain, m, all.a_half.data<bfloat16>(), k, halves, c, n); });
    rung(all, fmt::format("7  B packed once, {} threads", thread_count()).c_str(), 1e-2, [&] {
        parallel_chunks(m, 64, [&](int64_t begin, int64_t end) {
            multiply(Layout::plain, end - begin, a + begin * k, k, packed, c + begin * n, n);
        });
    });
}

}  // namespace swingrad::bench
