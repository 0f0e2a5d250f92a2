// A model's configuration as timm and transformers keep it in config.json: the way back from models/swin/hub_config.h.
#pragma once

#include "models/swin/config.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace swingrad {

enum class Hub : uint8_t { timm, transformers };
std::string_view name_of(Hub hub);  // "timm"

// Whether the model is Swin V1's rather than V2's, as far as a hub's libraries tell them apart.
bool is_v1(const SwinConfig& config);

// Throws an Error naming the switch, or the size, where the library has no such model: one that computes the same. Both
// have V2 and V1 with all their switches at once, transformers only windows and maps that are square. Where a map is no
// whole windows, timm pads after the shift and transformers before it. What saves memory, and dropout, is no matter.
void require_model_of(Hub hub, const SwinConfig& config);

// "architecture", "num_classes", "num_features", "global_pool" and "model_args", all of them spelt out.
nlohmann::json timm_config(const SwinConfig& config);
// All of transformers' SwinConfig or Swinv2Config that decides a model. `classes`: names in label order; empty: LABEL_0
// and so on.
nlohmann::json transformers_config(const SwinConfig& config, const std::vector<std::string>& classes);

}  // namespace swingrad
