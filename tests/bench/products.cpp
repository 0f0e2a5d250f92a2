// The products of a cifar step's blocks, by core/packed_factor.h and by OpenBLAS, every thread its own: GFLOP/s,
// medians of interleaved repeats. `packed`: the right factor was packed before, as a layer's weight is; `packing`: it
// is packed in the time, as the inputs of a weight's gradient are. OpenBLAS packs both factors at every call.
//
//   build/tests/bench_products [repeats]
#include "core/packed_factor.h"
#include "core/random.h"
#include "core/threads.h"

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

using namespace swingrad;

namespace {

struct Shape3 {
    Layout layout_a;
    int64_t m, n, k;
};

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;
constexpr Shape3 shapes[] = {{plain, 256, 288, 96},        {plain, 256, 384, 96},        {plain, 256, 96, 384},
                             {plain, 256, 768, 192},       {plain, 256, 192, 768},       {plain, 256, 1152, 384},
                             {plain, 256, 1536, 384},      {plain, 256, 384, 1536},      {transposed, 96, 384, 256},
                             {transposed, 768, 192, 256},  {transposed, 384, 1536, 256}, {transposed, 1536, 384, 256},
                             {transposed, 1152, 384, 2048}};

Tensor random_matrix(int64_t count, uint64_t stream) {
    Tensor values = Tensor::empty({count});
    for (int64_t i = 0; i < count; ++i)
        values.data<float>()[i] = static_cast<float>(Random{0, stream}.normal(static_cast<uint64_t>(i)));
    return values;
}

// GFLOP/s of all threads, each calling body(thread) so often that the whole takes some 10 ms.
template <class Body>
double speed(const Shape3& shape, const Body& body) {
    const double flops = 2.0 * static_cast<double>(shape.m * shape.n * shape.k);
    const int repeats = std::max(1, static_cast<int>(6e8 / flops));
    const auto start = std::chrono::steady_clock::now();
    parallel_for(thread_count(), [&](int64_t thread) {
        for (int i = 0; i < repeats; ++i) body(thread);
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    return flops * repeats * thread_count() / seconds.count() / 1e9;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void compare(const Shape3& shape, int repeats) {
    const auto [layout_a, m, n, k] = shape;
    const int64_t threads = thread_count(), lda = layout_a == plain ? k : m;
    const Tensor a = random_matrix(threads * m * k, 1), b = random_matrix(k * n, 2),
                 c = random_matrix(threads * m * n, 3);
    const float* right = b.data<float>();
    const PackedFactor<float> packed(plain, n, k, right, n);
    const auto left = [&, m = m, k = k](int64_t thread) { return a.data<float>() + thread * m * k; };
    const auto result = [&, m = m, n = n](int64_t thread) { return c.data<float>() + thread * m * n; };
    std::vector<double> by_packed, by_packing, by_blas;
    for (int i = 0; i < repeats; ++i) {
        by_packed.push_back(speed(shape, [&](int64_t thread) {
            multiply(shape.layout_a, shape.m, left(thread), lda, packed, result(thread), shape.n);
        }));
        by_packing.push_back(speed(shape, [&](int64_t thread) {
            gemm_block(shape.layout_a, plain, shape.m, shape.n, shape.k, left(thread), lda, right, shape.n,
                       result(thread), shape.n, false);
        }));
        by_blas.push_back(speed(shape, [&](int64_t thread) {
            cblas_sgemm(CblasRowMajor, shape.layout_a == plain ? CblasNoTrans : CblasTrans, CblasNoTrans,
                        static_cast<int>(shape.m), static_cast<int>(shape.n), static_cast<int>(shape.k), 1,
                        left(thread), static_cast<int>(lda), right, static_cast<int>(shape.n), 0, result(thread),
                        static_cast<int>(shape.n));
        }));
    }
    fmt::print("{:>5} {:>5} {:>5} {:<11} {:>8.0f} {:>8.0f} {:>9.0f} {:>8.2f} {:>8.2f}\n", m, n, k,
               layout_a == plain ? "" : "transposed", median(by_packed), median(by_packing), median(by_blas),
               median(by_packed) / median(by_blas), median(by_packing) / median(by_blas));
}

}  // namespace

int main(int argc, char** argv) {
    const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 11;
    openblas_set_num_threads(1);
    fmt::print("{} threads, {}; OpenBLAS kernels {}; float32, medians of {}\n\n", thread_count(), product_kernel(),
               openblas_get_corename(), repeats);
    fmt::print("{:>5} {:>5} {:>5} {:<11} {:>8} {:>8} {:>9} {:>8} {:>8}\n", "m", "n", "k", "A", "packed", "packing",
               "OpenBLAS", "ratio", "ratio");
    for (const Shape3& shape : shapes) compare(shape, repeats);
}
