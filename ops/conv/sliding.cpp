#include "ops/conv/sliding.h"

#include "core/operands.h"

namespace swingrad {
namespace {

std::string text(Extent extent) { return fmt::format("{} x {}", extent.rows, extent.columns); }

}  // namespace

Shape Sliding::shape_over(std::string_view op, const Shape& map, int64_t channels) const {
    check(map.rank() == 4 && map[1] > 0 && map[2] > 0, "[{}] x must be [B, H, W, C] with rows and columns, got {}", op,
          map);
    check(kernel.rows >= 1 && kernel.columns >= 1, "[{}] kernel must be at least 1 x 1, got {}", op, text(kernel));
    check(stride.rows >= 1 && stride.columns >= 1, "[{}] stride must be at least 1 x 1, got {}", op, text(stride));
    check(padding.rows >= 0 && padding.columns >= 0, "[{}] padding must not be negative, got {}", op, text(padding));
    check(map[1] + 2 * padding.rows >= kernel.rows && map[2] + 2 * padding.columns >= kernel.columns,
          "[{}] a kernel of {} does not fit on x {} with padding {}", op, text(kernel), map, text(padding));
    return {map[0], rows(map).positions(), columns(map).positions(), channels};
}

Sliding Sliding::of_weight(const Tensor& x, const Tensor& weight, const Tensor& bias, Extent stride, Extent padding,
                           int64_t groups) {
    const Shape& w = weight.shape();
    check(x.shape().rank() == 4, "[conv2d] x must be [B, H, W, I], got {}", x.shape());
    const int64_t I = x.shape()[3];
    check(groups >= 1 && I % groups == 0, "[conv2d] {} groups do not divide the {} channels of x", groups, I);
    check(w.rank() == 4 && w[1] == I / groups && w.numel() > 0, "[conv2d] weight must be [O, {}, kh, kw], got {}",
          I / groups, w);
    check(w[0] % groups == 0, "[conv2d] {} groups do not divide the {} channels out of weight", groups, w[0]);
    check(!bias.defined() || bias.shape() == Shape{w[0]}, "[conv2d] bias must be [{}], got {}", w[0], bias.shape());
    check_one_device("conv2d", {{"x", x}, {"weight", weight}, {"bias", bias}});
    return {{w[2], w[3]}, stride, padding};
}

}  // namespace swingrad
