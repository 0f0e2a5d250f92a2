// What a Swin Transformer is made of: the numbers, the switches, their names, and the models known by name.
//
// Every part of the paper is a switch whose default is Swin V2's. A model with all of V1's is Swin V1, and any
// combination between the two is a model too.
#pragma once

#include "ops/window.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace swingrad {

// Where the layer norms of a block stand. F is a branch: attention, then the MLP.
enum class NormPlacement : uint8_t {
    res_post,  // x + norm(F(x))         V2
    pre,       // x + F(norm(x))         V1
    post,      // norm(x + F(x))         the first Transformer's
    sandwich,  // x + norm(F(norm(x)))
};

// Whether patch merging normalises the 2C channels it puts out (V2) or the 4C it takes in (V1).
enum class MergingNorm : uint8_t { after, before };

// The score of a query and a key: their cosine times a learnt scale (V2), or their product over sqrt(D),
// D channels a head (V1).
enum class AttentionKind : uint8_t { cosine, dot };

// What is added to the score for where the key lies relative to the query: the result of a small network that is given
// the offset on a logarithmic scale (V2) or a linear one, an entry of a learnt table (V1), or nothing.
enum class PositionBias : uint8_t { log_cpb, linear_cpb, table, none };

// Whether tokens are told where they are: by a learnt vector for each place of stage 0's map, added to it once, as in
// ViT. It is of one image size, and resampled for another (models/swin/resample_weights.h).
enum class PositionEmbedding : uint8_t { none, absolute };

// The network's formula as published in code (offsets in units of the window, 16 sigmoid of the result) or as written
// in the paper (offsets in tokens, the result itself); see relative_coordinates in ops/window.h.
enum class CpbFormula : uint8_t { code, paper };

// Names and meanings are timm's where timm has them. One entry a stage in depths, num_heads, window_size and
// pretrained_window_sizes.
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
    bool qkv_bias = true;         // of queries and values
    bool key_bias = false;        // of keys too (V1)
    double drop_rate = 0;         // dropout before the classifier
    double proj_drop_rate = 0;    // dropout of what attention and MLP put out, and of the MLP's hidden layer
    double drop_path_rate = 0.1;  // of the last block, rising linearly from 0 at the first
    std::vector<Extent> pretrained_window_sizes{{0, 0}, {0, 0}, {0, 0}, {0, 0}};  // 0: none
    int64_t extra_norm_every = 0;  // a layer norm on the main branch after every so many blocks of a stage; 0: none
    PaddingOrder padding_order = PaddingOrder::before_shift;
    NormPlacement norm = NormPlacement::res_post;
    MergingNorm merging_norm = MergingNorm::after;
    AttentionKind attention = AttentionKind::cosine;
    PositionBias position_bias = PositionBias::log_cpb;
    PositionEmbedding position_embedding = PositionEmbedding::none;
    CpbFormula cpb_formula = CpbFormula::code;
    // Ways to need less memory; neither changes what is computed, but for rounding.
    bool sequential_attention = false;  // nothing of a window's size squared is ever in memory
    bool checkpoint_blocks = false;     // a block keeps its input alone, and is computed again in backward
};

// Sets the switches in which Swin V1 differs: pre-norm, merging norm before, dot attention, key bias, table.
void use_v1_switches(SwinConfig& config);

// nano, micro, cifar, tiny, small, base, large, huge, giant. Throws an Error listing the names for any other.
SwinConfig named_config(std::string_view name);
const std::vector<std::string>& config_names();

// From and to a JSON object with the names above, as in timm's model arguments: a size may be a number or a pair, a
// window one size or one a stage, a switch its name with hyphens ("res-post"). "architecture": "swin" stands for all of
// V1's switches, which other keys may then change. Keys left out keep their defaults, or what `base` holds. Throws an
// Error on an unknown key or a value that cannot be, naming it.
SwinConfig config_from_json(const nlohmann::json& arguments);
SwinConfig config_from_json(const nlohmann::json& arguments, const SwinConfig& base);
nlohmann::json config_to_json(const SwinConfig& config);

// The largest numbers that a configuration may have: far beyond any model there is, and small enough to be counted.
inline constexpr int64_t most_pixels = 16384;    // along a side: of images, patches, windows
inline constexpr int64_t most_channels = 65536;  // in any stage
inline constexpr int64_t most_blocks = 1000;     // of a stage
inline constexpr int64_t most_classes = 1'000'000;

// Throws an Error naming what does not fit, or is beyond these: image not divisible into patches, channels into heads,
// lists of different lengths, and so on.
void validate(const SwinConfig& config);

}  // namespace swingrad
