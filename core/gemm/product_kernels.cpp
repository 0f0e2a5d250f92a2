#include "core/gemm/product_kernels.h"

#include "core/error.h"
#include "core/gemm/engine.h"
#include "core/instruction_set/instruction_set.h"

namespace swingrad {

static ProductKernels declared;  // filled when a library is loaded

void declare_product_kernels(const ProductKernels& kernels) { declared = kernels; }

std::string product_kernel(DType dtype) {
    instruction_set();
    if (gemm_engine() == GemmEngine::openblas && dtype != DType::bfloat16) return "OpenBLAS, " + blas_kernels();
    return declared.name ? declared.name(dtype) : "plain loops";
}
bool multiplies_bfloat16() {
    instruction_set();
    return declared.multiplies_bfloat16;
}
double seconds_of_product(const Product& product, int64_t count) {
    instruction_set();
    return declared.seconds ? declared.seconds(product, count) : 0;
}

template <class T, class Out>
Gemm<T, Out> gemm_of_kernels() {
    instruction_set();
    const auto found = std::get<Gemm<T, Out>>(declared.gemm);
    check(found, "[gemm] there is no library of fast paths, and so none of products");
    return found;
}
template Gemm<float, float> gemm_of_kernels();
template Gemm<double, double> gemm_of_kernels();
template Gemm<bfloat16, bfloat16> gemm_of_kernels();
template Gemm<bfloat16, float> gemm_of_kernels();

}  // namespace swingrad
