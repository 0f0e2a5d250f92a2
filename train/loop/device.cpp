#include "train/loop/device.h"

#include "core/io/suggest.h"
#include "cuda/runtime/runtime.h"
#include "ops/operation.h"
#include "train/loop/recipe.h"

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
    check_name("device", device, {"cpu", "reference", "cuda", "emulated"});
    check_name("precision", precision, {"f32", "bf16", "f64"});
}

Device choose_device(const std::string& name) {
    check_names(name);
    use_plain_loops(name == "reference");
    if (name == "cpu" || name == "reference") return Device::cpu;
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
    if (precision == "f64") return DType::float64;
    return precision == "bf16" ? DType::bfloat16 : DType::float32;
}

std::string description_of(const std::string& device) {
    if (device == "cpu") return device;
    return device == "reference" ? "cpu, by the plain loops of each operation's page" : cuda::description();
}

}  // namespace swingrad
