// cuda/runtime/gemm.h by cuBLAS, and by cuBLASLt where a bias is added on the way.
//
// cuBLAS counts columns first. What it takes for a matrix with columns first is the transpose of ours, and so
// C = op(A) op(B) is asked for as C^T = op(B)^T op(A)^T: the factors change places, and n comes before m.
//
// One handle for the whole program, made by the first product and never destroyed: when a program ends, CUDA may be
// gone before its statics. Its work memory is given to it here, or it would allocate some inside a graph; the first
// product must come before the first graph all the same. All products go to the compute stream, so that they share that
// memory, and are asked for by one thread at a time.

#include "cuda/runtime/gemm.h"

#include "core/device.h"
#include "core/error.h"
#include "cuda/hardware/require.h"
#include "cuda/runtime/convert.h"
#include "cuda/runtime/runtime.h"
#include "cuda/runtime/scratch.h"

#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <array>
#include <map>
#include <optional>

namespace swingrad::cuda {
namespace {

constexpr size_t workspace_bytes = size_t{32} << 20;  // as advised for Hopper; others need less

template <class T>
constexpr cudaDataType type_of = std::is_same_v<T, double>  ? CUDA_R_64F
                                 : std::is_same_v<T, float> ? CUDA_R_32F
                                                            : CUDA_R_16BF;
template <class T>
constexpr cublasComputeType_t compute_type = std::is_same_v<T, double> ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F;

struct Sizes {
    int64_t m, n, k, batch = 1;
};

// cuBLAS launches kernels, and its failure may leave CUDA's last error behind.
void forget_error(cublasStatus_t status) {
    if (status != CUBLAS_STATUS_SUCCESS) cudaGetLastError();
}
void require_blas(cublasStatus_t status, const char* call) {
    forget_error(status);
    check(status == CUBLAS_STATUS_SUCCESS, "[cuda] {} failed: {}", call, cublasGetStatusString(status));
}
void require_blas(cublasStatus_t status, const char* call, const Sizes& of) {
    forget_error(status);
    check(status == CUBLAS_STATUS_SUCCESS, "[cuda] {} of m {}, n {}, k {}, batch {} failed: {}", call, of.m, of.n, of.k,
          of.batch, cublasGetStatusString(status));
}

struct Cublas {
    cublasHandle_t handle = nullptr;
    void* workspace = memory_of(Device::cuda).allocate(workspace_bytes);

    Cublas() {
        check(workspace, "[cuda] the GPU has no {} bytes of memory left for cuBLAS to work in", workspace_bytes);
        require_blas(cublasCreate(&handle), "cublasCreate");
        require_blas(cublasSetStream(handle, compute_stream()), "cublasSetStream");  // before the next: it resets that
        require_blas(cublasSetWorkspace(handle, workspace, workspace_bytes), "cublasSetWorkspace");
        require_blas(cublasSetAtomicsMode(handle, CUBLAS_ATOMICS_NOT_ALLOWED), "cublasSetAtomicsMode");
        // No TF32, and sums that are cut into parts are added as float, though what comes out is bfloat16.
        constexpr int mode = CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
        require_blas(cublasSetMathMode(handle, static_cast<cublasMath_t>(mode)), "cublasSetMathMode");
    }
    // cuBLAS says that its handle serves as one of cuBLASLt's.
    cublasLtHandle_t lt() const { return reinterpret_cast<cublasLtHandle_t>(handle); }
};

const Cublas& cublas() {
    static const Cublas& only = *new Cublas;
    return only;
}

cublasOperation_t operation(Layout layout) { return layout == Layout::plain ? CUBLAS_OP_N : CUBLAS_OP_T; }

// A product over no terms, which is not asked of cuBLAS: zeros, or nothing added.
template <class Out>
void product_of_nothing(int64_t rows, int64_t n, Out* c, int64_t ldc, bool accumulate) {
    if (accumulate) return;
    const auto bytes = [](int64_t count) { return static_cast<size_t>(count) * sizeof(Out); };
    require(cudaMemset2DAsync(c, bytes(ldc), 0, bytes(n), static_cast<size_t>(rows), compute_stream()),
            "filling a product over no terms with zeros");
}

}  // namespace

template <class T, class Out>
void gemm(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, Out* c, int64_t ldc, bool accumulate) {
    if (m == 0 || n == 0) return;
    if (k == 0) return product_of_nothing(m, n, c, ldc, accumulate);
    const acc_type<T> one = 1, beta = accumulate ? 1 : 0;
    require_blas(
        cublasGemmEx_64(cublas().handle, operation(layout_b), operation(layout_a), n, m, k, &one, b, type_of<T>, ldb, a,
                        type_of<T>, lda, &beta, c, type_of<Out>, ldc, compute_type<T>, CUBLAS_GEMM_DEFAULT),
        "cublasGemmEx", Sizes{m, n, k});
}

template <class T, class Out>
void gemm_batched(Layout layout_a, Layout layout_b, int64_t batch, int64_t m, int64_t n, int64_t k, const T* a,
                  const T* b, Out* c) {
    if (batch == 0 || m == 0 || n == 0) return;
    if (k == 0) return product_of_nothing(batch * m, n, c, n, false);
    const int64_t lda = layout_a == Layout::plain ? k : m, ldb = layout_b == Layout::plain ? n : k;
    const acc_type<T> one = 1, zero = 0;
    require_blas(cublasGemmStridedBatchedEx_64(cublas().handle, operation(layout_b), operation(layout_a), n, m, k, &one,
                                               b, type_of<T>, ldb, k * n, a, type_of<T>, lda, m * k, &zero, c,
                                               type_of<Out>, n, m * n, batch, compute_type<T>, CUBLAS_GEMM_DEFAULT),
                 "cublasGemmStridedBatchedEx", Sizes{m, n, k, batch});
}

// ---- the bias on the way

namespace {

constexpr uintptr_t bias_alignment = 16, best_alignment = 256;

// A product with a bias as cuBLASLt wants it described: its "A" is our b, its "B" our a, and "C" is c.
struct Plan {
    cublasLtMatmulDescOpaque_t product;
    cublasLtMatrixLayoutOpaque_t a, b, c;
    std::optional<cublasLtMatmulAlgo_t> way;  // none: cuBLASLt cannot do it
};

template <class T>
void set(cublasLtMatmulDescOpaque_t& product, cublasLtMatmulDescAttributes_t attribute, const T& value) {
    require_blas(cublasLtMatmulDescSetAttribute(&product, attribute, &value, sizeof value),
                 "cublasLtMatmulDescSetAttribute");
}
template <class T>
void set(cublasLtMatmulPreferenceOpaque_t& preference, cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
    require_blas(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof value),
                 "cublasLtMatmulPreferenceSetAttribute");
}

template <class T>
Plan make_plan(const Sizes& of, uint32_t alignment) {
    const auto size = [](int64_t value) { return static_cast<uint64_t>(value); };
    Plan plan{};
    require_blas(cublasLtMatmulDescInit(&plan.product, compute_type<T>, type_of<acc_type<T>>), "cublasLtMatmulDescInit",
                 of);
    set(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(plan.product, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    // Nothing is read there yet: an address no better aligned than those to come.
    set(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, reinterpret_cast<const void*>(bias_alignment));
    constexpr const char* init = "cublasLtMatrixLayoutInit";
    require_blas(cublasLtMatrixLayoutInit(&plan.a, type_of<T>, size(of.k), size(of.n), of.k), init, of);
    require_blas(cublasLtMatrixLayoutInit(&plan.b, type_of<T>, size(of.k), size(of.m), of.k), init, of);
    require_blas(cublasLtMatrixLayoutInit(&plan.c, type_of<T>, size(of.n), size(of.m), of.n), init, of);

    cublasLtMatmulPreferenceOpaque_t preference;
    require_blas(cublasLtMatmulPreferenceInit(&preference), "cublasLtMatmulPreferenceInit", of);
    set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
    // Parts of a sum are added as float or double, in an order that is decided.
    const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions);
    for (const auto matrix : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                              CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
        set(preference, matrix, alignment);

    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(cublas().lt(), &plan.product, &plan.a, &plan.b,
                                                                 &plan.c, &plan.c, &preference, 1, &best, &found);
    forget_error(status);
    if (status != CUBLAS_STATUS_NOT_SUPPORTED) require_blas(status, "cublasLtMatmulAlgoGetHeuristic", of);
    if (status == CUBLAS_STATUS_SUCCESS && found > 0) plan.way = best.algo;
    return plan;
}

// Choosing costs the host some ten microseconds, so what was chosen is remembered.
template <class T>
Plan& plan_for(const Sizes& of, uint32_t alignment) {
    static std::map<std::array<int64_t, 4>, Plan> plans;
    const std::array<int64_t, 4> key{of.m, of.n, of.k, alignment};
    const auto known = plans.find(key);
    if (known != plans.end()) return known->second;
    return plans.emplace(key, make_plan<T>(of, alignment)).first->second;
}

// The largest power of two, up to 256, of which all three addresses are multiples.
uint32_t alignment_of(const void* a, const void* b, const void* c) {
    const uintptr_t bits = reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b) |
                           reinterpret_cast<uintptr_t>(c) | best_alignment;
    return static_cast<uint32_t>(bits & (~bits + 1));
}

template <class T>
void run(Plan& plan, const Sizes& of, const T* a, const T* b, const T* bias, T* c) {
    set(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(bias));
    const acc_type<T> one = 1, zero = 0;
    require_blas(cublasLtMatmul(cublas().lt(), &plan.product, &one, b, &plan.a, a, &plan.b, &zero, c, &plan.c, c,
                                &plan.c, &*plan.way, cublas().workspace, workspace_bytes, compute_stream()),
                 "cublasLtMatmul", of);
}

}  // namespace

template <class T>
void gemm_bias(int64_t m, int64_t n, int64_t k, const T* a, const T* b, const acc_type<T>* bias, T* c) {
    if (m == 0 || n == 0) return;
    if (bias && k > 0) {
        const Sizes of{m, n, k};
        Plan& plan = plan_for<T>(of, alignment_of(a, b, c));
        if (plan.way) {
            // cuBLASLt wants the bias in c's type, and aligned.
            const bool fits = std::is_same_v<T, acc_type<T>> && reinterpret_cast<uintptr_t>(bias) % bias_alignment == 0;
            if (fits) return run(plan, of, a, b, reinterpret_cast<const T*>(bias), c);
            const Scratch<T> copy(n);
            convert(n, bias, copy.data());
            return run<T>(plan, of, a, b, copy.data(), c);
        }
    }
    if (bias) fill_rows(m, n, bias, c);
    cuda::gemm(Layout::plain, Layout::transposed, m, n, k, a, k, b, k, c, n, bias != nullptr);
}

#define INSTANTIATE(T, Out)                                                                                            \
    template void gemm(Layout, Layout, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, Out*, int64_t, \
                       bool);                                                                                          \
    template void gemm_batched(Layout, Layout, int64_t, int64_t, int64_t, int64_t, const T*, const T*, Out*);
INSTANTIATE(float, float)
INSTANTIATE(double, double)
INSTANTIATE(bfloat16, bfloat16)
INSTANTIATE(bfloat16, float)
#undef INSTANTIATE

template void gemm_bias(int64_t, int64_t, int64_t, const float*, const float*, const float*, float*);
template void gemm_bias(int64_t, int64_t, int64_t, const double*, const double*, const double*, double*);
template void gemm_bias(int64_t, int64_t, int64_t, const bfloat16*, const bfloat16*, const float*, bfloat16*);

}  // namespace swingrad::cuda
