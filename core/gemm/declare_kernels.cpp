// Of each library of fast paths: what its products are, and how long one takes.

#include "core/gemm/packed_operand.h"
#include "core/gemm/packing.h"
#include "core/gemm/product_kernels.h"
#include "core/gemm/tiles.h"
#include "core/threads.h"

#include <fmt/format.h>

#include <chrono>

namespace swingrad {
namespace {

std::string name_of(DType dtype) {
#if defined(__AVX512F__)
    const char* set = "AVX-512";
#elif defined(__AVX2__) && defined(__FMA__)
    const char* set = "AVX2";
#elif defined(__x86_64__)
    const char* set = "SSE4.2";
#else
    const char* set = "vectors";
#endif
    const int64_t columns = dtype == DType::float64 ? panel_columns<double> : panel_columns<float>;
    const std::string tiles = fmt::format("{}, tiles of {} x {}", set, tile_rows, columns);
    if (dtype != DType::bfloat16) return tiles;
    if (multiplies_tiles) return "AMX, tiles of 32 x 48";
    return multiplies_pairs ? fmt::format("AVX512-BF16, tiles of {} x {}", tile_rows, columns)
                            : tiles + ", bfloat16 widened to float32";
}

template <class T>
double seconds_of(const Product& product, int64_t count) {
    const int64_t m = product.m, n = product.n, k = product.k, threads = thread_count();
    const int64_t lda = product.layout_a == Layout::plain ? k : m;
    const Tensor a = Tensor::zeros({threads, m * k}, product.dtype),
                 c = Tensor::zeros({threads, m * n}, acc_dtype(product.dtype));
    const PackedOperand<T> b(Layout::plain, n, k, Tensor::zeros({k, n}, product.dtype).data<T>(), n);
    const auto start = std::chrono::steady_clock::now();
    parallel_for(threads, [&](int64_t thread) {
        acc_type<T>* own = c.data<acc_type<T>>() + thread * m * n;
        const auto beginning =
            product.accumulate ? InitialValue<acc_type<T>>::matrix(own, n) : InitialValue<acc_type<T>>::zero();
        for (int64_t i = thread; i < count; i += threads)
            multiply(product.layout_a, m, a.data<T>() + thread * m * k, lda, b, own, n, beginning);
    });
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double seconds(const Product& product, int64_t count) {
    return dispatch_any_float("products", product.dtype, [&]<class T>(T) { return seconds_of<T>(product, count); });
}

[[maybe_unused]] const bool declared = [] {
    declare_product_kernels(
        {name_of,
         multiplies_pairs,
         seconds,
         {gemm<float, float>, gemm<double, double>, gemm<bfloat16, bfloat16>, gemm<bfloat16, float>}});
    return true;
}();

}  // namespace
}  // namespace swingrad
