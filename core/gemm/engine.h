// Who computes the products of float and double: this project's own kernels, or OpenBLAS, called for each block of work
// on the thread that has it, by one thread of its own. Either way results have the same bits for any number of threads.
// Products of bfloat16 are always our own.
//
// OpenBLAS is in a library of its own, libswingrad_openblas.so, which is built where OpenBLAS is found and loaded when
// it is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

namespace swingrad {

enum class GemmEngine : uint8_t { own, openblas };

// "own" or "openblas". Throws an Error for another name.
GemmEngine gemm_engine_named(const std::string& name);
std::string name_of(GemmEngine engine);

// For the whole process, from now on; not while operations run. Throws an Error where swingrad was built without
// OpenBLAS, or it cannot be loaded.
void use_gemm_engine(GemmEngine engine);
GemmEngine gemm_engine();

// What libswingrad_openblas.so declares when it is loaded: row-major C += op(A) op(B) on the calling thread, as BLAS'
// gemm is called; and which kernels OpenBLAS has chosen, "Zen".
template <class T>
using BlasGemm = void (*)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda,
                          const T* b, int64_t ldb, T* c, int64_t ldc);
struct Blas {
    BlasGemm<float> in_float = nullptr;
    BlasGemm<double> in_double = nullptr;
    std::string kernels;
};
void declare_blas(const Blas& blas);
const std::string& blas_kernels();  // empty where it is not loaded

// What to call for products of T; null: the project's own kernels, as always for pairs of bfloat16.
template <class T>
BlasGemm<T> blas_gemm();
template <>
BlasGemm<float> blas_gemm<float>();
template <>
BlasGemm<double> blas_gemm<double>();

}  // namespace swingrad
