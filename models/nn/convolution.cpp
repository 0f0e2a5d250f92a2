#include "models/nn/convolution.h"

#include <cmath>

namespace swingrad {

Conv2d::Conv2d(int64_t inputs, int64_t outputs, Extent kernel, const Conv2dLayerOptions& options)
    : options_{.stride = options.stride, .padding = options.padding, .groups = options.groups} {
    check(options.groups > 0 && inputs % options.groups == 0 && outputs % options.groups == 0,
          "[conv2d] {} channels in and {} out do not divide into {} groups", inputs, outputs, options.groups);
    const int64_t of_group = inputs / options.groups;
    const Init usual = Init::uniform_by_fan_in(of_group * kernel.rows * kernel.columns);
    declare("weight", weight, {outputs, of_group, kernel.rows, kernel.columns}, options.weight_init.value_or(usual),
            Decay::yes, Precision::mixed);
    if (options.bias) declare("bias", bias, {outputs}, options.bias_init.value_or(usual));
}

BatchNorm2d::BatchNorm2d(int64_t channels, double momentum, double eps) : momentum_(momentum), eps_(eps) {
    check(momentum >= 0 && momentum <= 1, "[batch_norm] momentum must be in [0, 1], got {}", momentum);
    check(std::isfinite(eps) && eps > 0, "[batch_norm] eps must be above 0, got {}", eps);
    declare("weight", weight, {channels}, Init::constant(1));
    declare("bias", bias, {channels}, Init::constant(0));
    declare("running_mean", running_mean, {channels}, 0);
    declare("running_var", running_var, {channels}, 1);
}

}  // namespace swingrad
