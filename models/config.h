// What a Swin V2 is made of: the numbers, their names, and the models known by name.
#pragma once

#include "ops/window.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace swingrad {

// Names and meanings are timm's. One entry a stage in depths, num_heads, window_size and pretrained_window_sizes.
struct SwinConfig {
    Extent img_size{224, 224};
    Extent patch_size{4, 4};
    int64_t in_chans = 3;
    int64_t num_classes = 1000;
    int64_t embed_dim = 96;  // channels of stage 0; doubled at every stage
    std::vector<int64_t> depths{2, 2, 6, 2};
    std::vector<int64_t> num_heads{3, 6, 12, 24};
    std::vector<Extent> window_size{{7, 7}, {7, 7}, {7, 7}, {7, 7}};
    double mlp_ratio = 4;
    bool qkv_bias = true;
    double drop_path_rate = 0.1;
    std::vector<Extent> pretrained_window_sizes{{0, 0}, {0, 0}, {0, 0}, {0, 0}};  // 0: none
    int64_t extra_norm_every = 0;  // a layer norm on the main branch after every so many blocks of a stage; 0: none
    PaddingOrder padding_order = PaddingOrder::before_shift;
};

// nano, micro, cifar, tiny, small, base, large, huge, giant. Throws an Error listing the names for any other.
SwinConfig named_config(std::string_view name);
const std::vector<std::string>& config_names();

// From and to a JSON object with the names above, as in timm's model arguments: a size may be a number or a pair, a
// window one size or one a stage. Keys left out keep their defaults. Throws an Error on an unknown key or a value
// that cannot be, naming it.
SwinConfig config_from_json(const nlohmann::json& arguments);
nlohmann::json config_to_json(const SwinConfig& config);

// Throws an Error naming what does not fit: image not divisible into patches, channels into heads, lists of
// different lengths, and so on.
void validate(const SwinConfig& config);

}  // namespace swingrad
