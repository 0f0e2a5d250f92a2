#include "ops/conv/sliding.h"

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

}  // namespace swingrad
