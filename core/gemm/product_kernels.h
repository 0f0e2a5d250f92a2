// What products are computed by, asked from outside of the library that computes them
// (core/instruction_set/instruction_set.h).
#pragma once

#include "core/gemm/product_log.h"

#include <string>
#include <tuple>

namespace swingrad {

// "AVX2, tiles of 6 x 16": what computes products of float, double or bfloat16; "plain loops" where there are no fast
// paths.
std::string product_kernel(DType dtype = DType::float32);
// Whether bfloat16 numbers are multiplied as they are. Else they are widened to float first, which is no faster.
bool multiplies_bfloat16();
// The time that `count` products take, shared among all threads, each with matrices of its own, op(B) packed before.
double seconds_of_product(const Product& product, int64_t count);

// gemm of core/gemm/gemm.h, by that library, for T and Out as there. Throws an Error where there are no fast paths.
template <class T, class Out>
using Gemm = void (*)(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda,
                      const T* b, int64_t ldb, Out* c, int64_t ldc, bool accumulate);
template <class T, class Out>
Gemm<T, Out> gemm_of_kernels();

// The answers of the library that is used, which declares them when it is loaded.
struct ProductKernels {
    std::string (*name)(DType) = nullptr;
    bool multiplies_bfloat16 = false;
    double (*seconds)(const Product& product, int64_t count) = nullptr;
    std::tuple<Gemm<float, float>, Gemm<double, double>, Gemm<bfloat16, bfloat16>, Gemm<bfloat16, float>> gemm = {};
};
void declare_product_kernels(const ProductKernels& kernels);

}  // namespace swingrad
