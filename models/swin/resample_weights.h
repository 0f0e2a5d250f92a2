// Weights of a model for another window or patch size.
#pragma once

#include "core/tensor.h"

#include <string_view>

namespace swingrad {

// A parameter's value as `wanted`, for the parameters whose shape depends on sizes that a model may change:
//   relative_position_bias_table [R, h]   another square window: bicubic, as the paper's comparison does (its table 1)
//   absolute_pos_embed [1, H, W, C]       another map, of another image or patch: bicubic, as an image
//   patch_embed.proj.weight [C, I, p, q]  another patch: by the pseudo-inverse of bilinear resizing
// Undefined where `name` is none of these or another size than these differs. float32 and float64. A
// continuous position bias needs nothing of the kind: its network is asked for other offsets.
Tensor resampled_weight(std::string_view name, const Tensor& value, const Shape& wanted);

// The shape of the same numbers here: Microsoft's absolute_pos_embed [1, L, C] is a list of the map's tokens, rows
// outermost, which here is the map [1, H, W, C], of the wanted rows and columns or else a square. `given` itself for
// any other.
Shape shape_here(std::string_view name, const Shape& given, const Shape& wanted);

}  // namespace swingrad
