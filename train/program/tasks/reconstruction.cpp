#include "train/program/tasks/reconstruction.h"

#include "train/data/pixels/resize.h"
#include "train/program/console/text.h"
#include "train/program/images/image_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

constexpr int64_t gap = 2;
constexpr uint8_t hidden_grey = 96, gap_white = 255;

uint8_t byte_of(float value, float mean, float deviation) {
    return static_cast<uint8_t>(std::lround(std::clamp((value * deviation + mean) * 255, 0.0f, 255.0f)));
}

// Columns [begin, end) of a picture.
Tensor columns_of(const Tensor& picture, int64_t begin, int64_t end) {
    const int64_t rows = picture.shape()[0], W = picture.shape()[1], C = picture.shape()[2];
    const Tensor some = Tensor::empty({rows, end - begin, C}, DType::uint8);
    for (int64_t row = 0; row < rows; ++row)
        std::copy_n(picture.data<uint8_t>() + (row * W + begin) * C, (end - begin) * C,
                    some.data<uint8_t>() + row * (end - begin) * C);
    return some;
}

}  // namespace

Tensor reconstruction_strip(const Batch& batch, const Tensor& told, int64_t b, const Normalisation& normalisation,
                            bool normalised) {
    constexpr float grey = 0.5f, spread = 0.2f;  // five deviations from black to white
    const int64_t H = told.shape()[1], W = told.shape()[2], C = told.shape()[3];
    const Tensor strip = Tensor::empty({H, 3 * W + 2 * gap, C}, DType::uint8);
    std::fill_n(strip.data<uint8_t>(), strip.numel(), gap_white);
    const auto draw = [&](int64_t place, int64_t i, int64_t j, int64_t c, uint8_t value) {
        strip.data<uint8_t>()[(i * strip.shape()[1] + place * (W + gap) + j) * C + c] = value;
    };
    for (int64_t i = 0; i < H; ++i)
        for (int64_t j = 0; j < W; ++j) {
            const int64_t pixel = (b * H + i) * W + j;
            const float* image = batch.inputs.data<float>() + pixel * (C + 1);
            const float* target = batch.targets.data<float>() + pixel * (C + 1);
            const bool hidden = image[C] != 0;
            for (int64_t c = 0; c < C; ++c) {
                const auto k = static_cast<size_t>(c);
                const float mean = normalised ? grey : normalisation.mean.at(k);
                const float deviation = normalised ? spread : normalisation.deviation.at(k);
                const float answer = hidden ? told.data<float>()[pixel * C + c] : target[c];
                draw(0, i, j, c, byte_of(target[c], mean, deviation));
                draw(1, i, j, c,
                     hidden ? hidden_grey : byte_of(image[c], normalisation.mean.at(k), normalisation.deviation.at(k)));
                draw(2, i, j, c, byte_of(answer, mean, deviation));
            }
        }
    return strip;
}

Tensor large_enough(const Tensor& picture) {
    constexpr int64_t rows = 96;
    const int64_t factor = std::max<int64_t>(1, rows / picture.shape()[0]);
    return resized(picture, {picture.shape()[0] * factor, picture.shape()[1] * factor}, Interpolation::nearest);
}

std::string html_of_reconstructions(const Batch& batch, const Tensor& told, const Normalisation& normalisation,
                                    bool normalised) {
    const int64_t W = told.shape()[2];
    std::string html = "<h2>Hidden patches</h2>\n<div class=\"images\">\n";
    for (int64_t b = 0; b < told.shape()[0]; ++b) {
        const Tensor strip = reconstruction_strip(batch, told, b, normalisation, normalised);
        const std::string image = fmt::format("image {}", b);
        const std::string captions[] = {normalised ? image + ", as it was to be told" : image, "what was seen",
                                        "what was told"};
        for (int64_t k = 0; k < 3; ++k) {
            const Tensor one = columns_of(strip, k * (W + gap), k * (W + gap) + W);
            html += fmt::format(
                "<figure><img alt=\"{0}\" src=\"data:image/png;base64,{1}\"><figcaption>{0}</figcaption></figure>\n",
                captions[static_cast<size_t>(k)], base64(png_of(large_enough(one))));
        }
    }
    return html + "</div>\n";
}

}  // namespace swingrad
