// y = d + f (x - d), x the picture, d the lesser version, f the factor: computed in float32, cut to [0, 255] and
// truncated, as in Pillow. Grey is (19595 r + 38470 g + 7471 b + 2^15) / 2^16, the weights of ITU-R 601-2.

#include "train/data/pixels/enhance.h"

#include "train/data/pixels/resize.h"

#include <algorithm>

namespace swingrad {
namespace {

uint8_t grey_of(const uint8_t* pixel) {
    return static_cast<uint8_t>((pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + (1 << 15)) >> 16);
}

// Each step is rounded to float32 by itself, so that no compiler makes one fused operation of two: products of a float
// and a byte are exact in double.
uint8_t mixed(int lesser, int value, float factor) {
    const auto product = static_cast<float>(static_cast<double>(factor) * (value - lesser));
    const auto sum = static_cast<float>(static_cast<double>(lesser) + static_cast<double>(product));
    return static_cast<uint8_t>(std::clamp(sum, 0.0f, 255.0f));
}

// lesser(i): byte i of the lesser version.
Tensor mixed_with(const Tensor& image, double factor, auto&& lesser) {
    const Tensor result = Tensor::empty(image.shape(), DType::uint8);
    const uint8_t* from = image.data<uint8_t>();
    uint8_t* to = result.data<uint8_t>();
    const auto f = static_cast<float>(factor);
    for (int64_t i = 0; i < image.numel(); ++i) to[i] = mixed(lesser(i), from[i], f);
    return result;
}

// The mean grey of the picture, rounded.
int mean_grey(const Tensor& image) {
    const uint8_t* pixels = image.data<uint8_t>();
    int64_t sum = 0;
    for (int64_t i = 0; i < image.numel(); i += 3) sum += grey_of(pixels + i);
    const int64_t count = image.numel() / 3;
    return static_cast<int>((2 * sum + count) / (2 * count));  // rounded
}

}  // namespace

Tensor with_colour(const Tensor& image, double factor) {
    check_pixels(image, "with_colour");
    const uint8_t* pixels = image.data<uint8_t>();
    return mixed_with(image, factor, [&](int64_t i) { return grey_of(pixels + i - i % 3); });
}

Tensor with_contrast(const Tensor& image, double factor) {
    check_pixels(image, "with_contrast");
    return mixed_with(image, factor, [mean = mean_grey(image)](int64_t) { return mean; });
}

Tensor with_brightness(const Tensor& image, double factor) {
    check_pixels(image, "with_brightness");
    return mixed_with(image, factor, [](int64_t) { return 0; });
}

Tensor with_sharpness(const Tensor& image, double factor) {
    check_pixels(image, "with_sharpness");
    const int64_t rows = image.shape()[0], width = image.shape()[1] * 3;
    const uint8_t* pixels = image.data<uint8_t>();
    return mixed_with(image, factor, [=](int64_t i) -> int {
        const int64_t row = i / width, at = i % width;
        if (row == 0 || row == rows - 1 || at < 3 || at >= width - 3) return pixels[i];
        int sum = 4 * pixels[i];  // and once more below
        for (const int64_t above : {-width, int64_t{0}, width})
            for (const int64_t beside : {-3, 0, 3}) sum += pixels[i + above + beside];
        return (2 * sum + 13) / 26;  // sum / 13, rounded; no tie is possible
    });
}

}  // namespace swingrad
