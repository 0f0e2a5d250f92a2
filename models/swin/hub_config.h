// A model's configuration as hubs keep it beside the weights: timm's and transformers' config.json.
#pragma once

#include <nlohmann/json.hpp>

namespace swingrad {

bool is_hub_config(const nlohmann::json& file);

// As arguments of config_from_json, over the defaults of SwinConfig.
//   timm           {"architecture": "swinv2_tiny_window8_256", "num_classes": 1000, "pretrained_cfg": {...}}: the sizes
//                  follow from the name, "model_args" changes them. {"architecture": "swinv2", "model_args": {...}}
//                  too.
//   transformers   {"model_type": "swinv2", "image_size": 256, "window_size": 8, ...}
// Throws an Error where it is that of another network, or has a setting that Swin has not here.
nlohmann::json from_hub_config(const nlohmann::json& file);

}  // namespace swingrad
