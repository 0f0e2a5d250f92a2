#include "core/gemm/engine.h"

#include "core/error.h"
#include "core/instruction_set/instruction_set.h"

#include <atomic>

namespace swingrad {
namespace {

std::atomic<GemmEngine> current = GemmEngine::own;
Blas declared;

}  // namespace

GemmEngine gemm_engine_named(const std::string& name) {
    check(name == "own" || name == "openblas", "--gemm must be own or openblas, got '{}'", name);
    return name == "own" ? GemmEngine::own : GemmEngine::openblas;
}
std::string name_of(GemmEngine engine) { return engine == GemmEngine::own ? "own" : "openblas"; }

void use_gemm_engine(GemmEngine engine) {
    if (engine == GemmEngine::openblas && !declared.in_float) {
        check(
            detail::is_beside("openblas"),
            "--gemm openblas needs libswingrad_openblas.so beside libswingrad_core.so: it is built where OpenBLAS is");
        detail::load_beside("openblas");
    }
    current = engine;
}
GemmEngine gemm_engine() { return current.load(std::memory_order_relaxed); }

void declare_blas(const Blas& blas) { declared = blas; }
const std::string& blas_kernels() { return declared.kernels; }

template <>
BlasGemm<float> blas_gemm<float>() {
    return gemm_engine() == GemmEngine::own ? nullptr : declared.in_float;
}
template <>
BlasGemm<double> blas_gemm<double>() {
    return gemm_engine() == GemmEngine::own ? nullptr : declared.in_double;
}

}  // namespace swingrad
