// A model small enough for double and for finite patience, with everything that is awkward about windows.
#pragma once

#include "models/swin/swin_v2.h"

namespace swingrad::test {

// Maps of 7 x 6 and 4 x 3 with windows of 4: shifted, padded, clipped.
inline SwinConfig small_swin() {
    SwinConfig config;
    config.img_size = {14, 12};
    config.patch_size = {2, 2};
    config.num_classes = 3;
    config.embed_dim = 4;
    config.depths = {2, 1};
    config.num_heads = {1, 2};
    config.window_size = {{4, 4}, {4, 4}};
    config.pretrained_window_sizes = {{6, 6}, {0, 0}};
    config.mlp_ratio = 2;
    return config;
}

}  // namespace swingrad::test
