#include "train/run/device.h"

#include "core/suggest.h"
#include "cuda/runtime.h"
#include "train/run/recipe.h"

#include <algorithm>

namespace swingrad {
namespace {

void check_name(const char* flag, const std::string& name, const std::vector<std::string>& possible) {
    if (std::find(possible.begin(), possible.end(), name) == possible.end())
        fail_usage("unknown --{} \"{}\": {}", flag, name, suggestion(name, possible));
}

}  // namespace

void check_names(const std::string& device, const std::string& precision) {
    if (device == "gpu") fail_usage("unknown --device \"gpu\": did you mean cuda?");  // the nearest word would be cpu
    check_name("device", device, {"cpu", "cuda", "emulated"});
    check_name("precision", precision, {"f32", "bf16"});
}

Device device_named(const std::string& name) {
    check_names(name);
    if (name == "cpu") return Device::cpu;
    if (name == "emulated") {
        if (!cuda::emulated())
            fail_usage("--device emulated: this build's kernels are compiled for the GPU; use --device cuda");
        return Device::cuda;
    }
    if (cuda::emulated())
        fail_usage(
            "--device cuda: this build has its kernels for no GPU; use --device emulated, which is slow, or cpu");
    if (const std::string why = cuda::why_unavailable(); !why.empty())
        fail_usage("--device cuda: {}; use cpu, or a build with SWINGRAD_CUDA=EMULATE and --device emulated", why);
    return Device::cuda;
}

DType dtype_of_precision(const std::string& precision) {
    return precision == "bf16" ? DType::bfloat16 : DType::float32;
}

std::string description_of(const std::string& device) { return device == "cpu" ? device : cuda::description(); }

}  // namespace swingrad
