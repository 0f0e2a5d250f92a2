#include "train/data/shapes/plain_scene.h"

#include <algorithm>
#include <cmath>

namespace swingrad {

PlainScene random_plain_scene(int64_t label, Extent extent, Random random) {
    uint64_t drawn = 0;
    const auto between = [&](double low, double high) { return low + (high - low) * random.uniform(drawn++); };
    const auto colour = [&](double low, double high) {
        std::array<float, 3> channels{};
        for (float& channel : channels) channel = static_cast<float>(between(low, high));
        return channels;
    };
    PlainScene scene;
    scene.label = label;
    scene.radius = between(0.28, 0.44) * static_cast<double>(std::min(extent.rows, extent.columns));
    scene.row = between(scene.radius, static_cast<double>(extent.rows) - scene.radius);
    scene.column = between(scene.radius, static_cast<double>(extent.columns) - scene.radius);
    scene.angle = between(-0.3, 0.3);
    scene.foreground = colour(0.55, 1);
    scene.background = colour(0, 0.45);
    return scene;
}

Tensor draw_image(const PlainScene& scene, Extent extent, Random noise) {
    constexpr float noise_amplitude = 0.1f;  // of 0 .. 1, up and down
    Tensor image = Tensor::empty({extent.rows, extent.columns, 3}, DType::uint8);
    uint8_t* pixel = image.data<uint8_t>();
    for (int64_t r = 0; r < extent.rows; ++r)
        for (int64_t c = 0; c < extent.columns; ++c, pixel += 3) {
            const auto coverage = static_cast<float>(coverage_at(distance_at(scene, r, c)));
            const auto words = noise.words(static_cast<uint64_t>(r * extent.columns + c));
            for (size_t i = 0; i < 3; ++i) {
                const float colour = scene.background[i] + coverage * (scene.foreground[i] - scene.background[i]);
                const float disturbed = colour + noise_amplitude * (static_cast<float>(words[i]) * 0x1p-31f - 1.0f);
                pixel[i] = static_cast<uint8_t>(std::lround(255.0f * std::clamp(disturbed, 0.0f, 1.0f)));
            }
        }
    return image;
}

Tensor draw_classes(const PlainScene& scene, Extent extent) {
    const Tensor classes = Tensor::empty({extent.rows, extent.columns}, DType::uint8);
    for (int64_t r = 0; r < extent.rows; ++r)
        for (int64_t c = 0; c < extent.columns; ++c)
            classes.data<uint8_t>()[r * extent.columns + c] =
                distance_at(scene, r, c) < 0 ? static_cast<uint8_t>(scene.label + 1) : uint8_t{0};
    return classes;
}

}  // namespace swingrad
