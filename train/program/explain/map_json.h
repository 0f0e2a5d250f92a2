// Maps of tokens as the page of `swingrad explain` has them: pictures of a byte a number.
#pragma once

#include "core/tensor.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace swingrad {

inline constexpr int64_t most_shown_tokens = 64;  // along a side of a picture; larger maps are made smaller

// A layer's map [1, H, W, C]: all channels as one picture (their root mean square), and those by themselves that vary
// most from place to place, `most_channels` at most. Its form: train/program/explain/explanation.h.
nlohmann::json json_of_map(const std::string& layer, const Tensor& value, int64_t most_channels);

// Lengths of gradients, [rows * columns], as one picture; null where there are none, or one is not finite.
nlohmann::json json_of_lengths(const std::vector<double>& lengths, int64_t rows, int64_t columns,
                               const std::string& name);

}  // namespace swingrad
