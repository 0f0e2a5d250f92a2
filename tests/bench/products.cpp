// The products of a cifar step's blocks, by core/gemm/packed_operand.h in float32 and bfloat16 and by OpenBLAS in
// float32, every thread its own: GFLOP/s, medians of interleaved repeats. `packed`: the right factor was packed before,
// as a layer's weight is; `packing`: it is packed in the time and the result added to what is there, as in a weight's
// gradient. OpenBLAS packs both factors at every call.
//
//   build/tests/bench_products [repeats | --ladder]
#include "tests/bench/products.h"
#include "core/gemm/packed_operand.h"
#include "core/gemm/product_kernels.h"
#include "core/random.h"
#include "core/threads.h"

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

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

// The two of T, for interleaving.
template <class T>
class Ours {
  public:
    explicit Ours(const Shape3& shape)
        : shape_(shape),
          lda_(shape.layout_a == plain ? shape.k : shape.m),
          a_(random_matrix(thread_count() * shape.m * shape.k, 1).to(dtype_of<T>())),
          b_(random_matrix(shape.k * shape.n, 2).to(dtype_of<T>())),
          c_(Tensor::zeros({thread_count() * shape.m * shape.n})),
          packed_(plain, shape.n, shape.k, b_.template data<T>(), shape.n) {}

    void run() {
        by_packed.push_back(speed(shape_, [&](int64_t thread) {
            multiply(shape_.layout_a, shape_.m, left(thread), lda_, packed_, result(thread), shape_.n);
        }));
        by_packing.push_back(speed(shape_, [&](int64_t thread) {
            gemm_block(shape_.layout_a, plain, shape_.m, shape_.n, shape_.k, left(thread), lda_, b_.template data<T>(),
                       shape_.n, result(thread), shape_.n, true);
        }));
    }
    std::vector<double> by_packed, by_packing;

  private:
    const T* left(int64_t thread) const { return a_.template data<T>() + thread * shape_.m * shape_.k; }
    float* result(int64_t thread) const { return c_.data<float>() + thread * shape_.m * shape_.n; }

    Shape3 shape_;
    int64_t lda_;
    Tensor a_, b_, c_;
    PackedOperand<T> packed_;
};

void compare(const Shape3& shape, int repeats) {
    const auto [layout_a, m, n, k] = shape;
    const int64_t lda = layout_a == plain ? k : m;
    const Tensor a = random_matrix(thread_count() * m * k, 1), b = random_matrix(k * n, 2),
                 c = Tensor::zeros({thread_count() * m * n});
    Ours<float> ours(shape);
    Ours<swingrad::bfloat16> halves(shape);
    std::vector<double> by_blas;
    for (int i = 0; i < repeats; ++i) {
        ours.run();
        halves.run();
        by_blas.push_back(speed(shape, [&, m = m, n = n, k = k](int64_t thread) {
            cblas_sgemm(CblasRowMajor, shape.layout_a == plain ? CblasNoTrans : CblasTrans, CblasNoTrans,
                        static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), 1,
                        a.data<float>() + thread * m * k, static_cast<int>(lda), b.data<float>(), static_cast<int>(n),
                        0, c.data<float>() + thread * m * n, static_cast<int>(n));
        }));
    }
    fmt::print("{:>5} {:>5} {:>5} {:<11} {:>8.0f} {:>8.0f} {:>9.0f} {:>8.2f} {:>8.2f} {:>8.0f} {:>8.0f}\n", m, n, k,
               layout_a == plain ? "" : "transposed", median(ours.by_packed), median(ours.by_packing), median(by_blas),
               median(ours.by_packed) / median(by_blas), median(ours.by_packing) / median(by_blas),
               median(halves.by_packed), median(halves.by_packing));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "--ladder") == 0) {
        fmt::print("{}; {}\n", product_kernel(), product_kernel(DType::bfloat16));
        bench::climb_ladder();
        return 0;
    }
    const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 11;
    openblas_set_num_threads(1);
    fmt::print("{} threads, {}; {}; OpenBLAS kernels {}; medians of {}\n\n", thread_count(), product_kernel(),
               product_kernel(DType::bfloat16), openblas_get_corename(), repeats);
    fmt::print("{:>5} {:>5} {:>5} {:<11} {:>8} {:>8} {:>9} {:>17} {:>17}\n", "", "", "", "", "float32", "", "float32",
               "float32, ratios", "bfloat16");
    fmt::print("{:>5} {:>5} {:>5} {:<11} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8}\n", "m", "n", "k", "A", "packed",
               "packing", "OpenBLAS", "packed", "packing", "packed", "packing");
    for (const Shape3& shape : shapes) compare(shape, repeats);
}
