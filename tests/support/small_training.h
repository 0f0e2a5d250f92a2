// A training so small that a test can afford many of its steps.
#pragma once

#include "train/loop/swin_trainer.h"

namespace swingrad::test {

// As small as a Swin can be and still have everything: two stages, shifted windows, a merging.
inline SwinConfig small_config() {
    SwinConfig config;
    config.img_size = {16, 16};
    config.patch_size = {2, 2};
    config.num_classes = 3;
    config.embed_dim = 8;
    config.depths = {2, 1};
    config.num_heads = {1, 2};
    config.window_size = {{4, 4}, {4, 4}};
    config.pretrained_window_sizes = {{0, 0}, {0, 0}};
    return config;
}

// Three classes of noisy pictures that differ in colour.
inline Dataset coloured_noise(int64_t count) {
    Dataset data;
    data.classes = {"red", "green", "blue"};
    data.images = Tensor::empty({count, 16, 16, 3}, DType::uint8);
    for (int64_t i = 0; i < count; ++i) data.labels.push_back(i % 3);
    const Random random{5, 0};
    for (int64_t i = 0; i < data.images.numel(); ++i) {
        const bool own_channel = i % 3 == i / (16 * 16 * 3) % 3;
        data.images.data<uint8_t>()[i] =
            static_cast<uint8_t>(random.below(static_cast<uint64_t>(i), 160) + (own_channel ? 60 : 0));
    }
    return data;
}

inline constexpr Normalisation plain{{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};

inline SwinRecipe small_recipe() {
    SwinRecipe recipe;
    recipe.epochs = 3;
    recipe.batch_size = 8;
    recipe.lr = 4e-3;
    recipe.seed = 3;
    return recipe;
}

// One more step, into the next epoch where this one is done.
inline void advance(Trainer& trainer) {
    trainer.step();
    if (trainer.epoch_done()) trainer.begin_next_epoch();
}

}  // namespace swingrad::test
