#include "models/swin/resample_weights.h"

#include "ops/ops.h"

#include <cmath>

namespace swingrad {
namespace {

// M for a table with (2M - 1)^2 rows, 0 for any other.
int64_t square_window_of(int64_t rows) {
    const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(rows))));
    return side * side == rows && side % 2 == 1 ? (side + 1) / 2 : 0;
}

constexpr std::string_view positions = "absolute_pos_embed";

}  // namespace

Shape shape_here(std::string_view name, const Shape& given, const Shape& wanted) {
    if (name != positions || given.rank() != 3 || wanted.rank() != 4 || given[0] != 1) return given;
    const int64_t tokens = given[1];
    if (tokens == wanted[1] * wanted[2]) return {1, wanted[1], wanted[2], given[2]};
    const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(tokens))));
    return side * side == tokens ? Shape{1, side, side, given[2]} : given;
}

Tensor resampled_weight(std::string_view name, const Tensor& value, const Shape& wanted) {
    const Shape& given = value.shape();
    if (given.rank() != wanted.rank()) return {};
    if (name.ends_with("relative_position_bias_table") && given.rank() == 2 && given[1] == wanted[1]) {
        const int64_t from = square_window_of(given[0]), to = square_window_of(wanted[0]);
        return from > 0 && to > 0 ? resample_bias_table(value, {from, from}, {to, to}) : Tensor();
    }
    if (name == positions && given.rank() == 4 && given[0] == wanted[0] && given[3] == wanted[3])
        return resize(value, {wanted[1], wanted[2]}, Resize::bicubic);
    if (name == "patch_embed.proj.weight" && given.rank() == 4 && given[0] == wanted[0] && given[1] == wanted[1])
        return resample_patch_weight(value, {wanted[2], wanted[3]});
    return {};
}

}  // namespace swingrad
