#include "core/blas.h"

#include "core/error.h"

#include <dlfcn.h>

#include <cstdlib>

namespace swingrad {
namespace {

constexpr const char* library_name = "libopenblas.so.0";

// OpenBLAS' name for the kernels that this processor's instructions allow. Empty where OpenBLAS may choose for itself.
std::string best_kernels() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (avx512) return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
    return {};
}

// An environment variable for as long as the library is being loaded; one that the user has set stays as it is.
class WhileLoading {
  public:
    WhileLoading(const char* name, const std::string& value)
        : name_(name), ours_(!std::getenv(name) && !value.empty()) {
        if (ours_) setenv(name, value.c_str(), 1);
    }
    ~WhileLoading() {
        if (ours_) unsetenv(name_);
    }
    WhileLoading(const WhileLoading&) = delete;
    WhileLoading& operator=(const WhileLoading&) = delete;

  private:
    const char* name_;
    bool ours_;
};

template <class Function>
Function symbol(void* library, const char* name) {
    void* address = dlsym(library, name);
    check(address != nullptr, "[blas] {} has no function {}", library_name, name);
    return reinterpret_cast<Function>(address);
}

Blas load() {
    Blas result;
    result.best = best_kernels();
    const WhileLoading kernels("OPENBLAS_CORETYPE", result.best), threads("OPENBLAS_NUM_THREADS", "1");
    void* library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    check(library != nullptr, "[blas] cannot load {}: {}", library_name, library ? "" : dlerror());
    symbol<decltype(&openblas_set_num_threads)>(library, "openblas_set_num_threads")(1);
    result.sgemm = symbol<decltype(&cblas_sgemm)>(library, "cblas_sgemm");
    result.dgemm = symbol<decltype(&cblas_dgemm)>(library, "cblas_dgemm");
    result.kernels = symbol<decltype(&openblas_get_corename)>(library, "openblas_get_corename")();
    return result;
}

}  // namespace

const Blas& blas() {
    static const Blas loaded = load();
    return loaded;
}

}  // namespace swingrad
