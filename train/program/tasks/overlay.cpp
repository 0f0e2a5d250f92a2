#include "train/program/tasks/overlay.h"

#include <algorithm>
#include <cmath>

namespace swingrad {

// Steps of the golden angle around the circle of hues never come close to one another.
Colour colour_of_class(int64_t k) {
    constexpr double golden = 0.6180339887498949, saturation = 0.75, value = 1.0;
    const double hue = std::fmod(static_cast<double>(k) * golden, 1.0) * 6;
    Colour colour;
    for (size_t channel = 0; channel < 3; ++channel) {
        const double from = std::fmod(5.0 - 2.0 * static_cast<double>(channel) + hue, 6.0);  // red 5, green 3, blue 1
        const double part = std::clamp(std::min(from, 4 - from), 0.0, 1.0);
        colour[channel] = static_cast<uint8_t>(std::lround(255 * (value - value * saturation * part)));
    }
    return colour;
}

Tensor overlay(const Tensor& picture, const Tensor& classes, const std::vector<std::string>& names) {
    constexpr int share = 50, whole = 100;  // of the class's colour
    check_pixels(picture, "overlay");
    check(classes.dtype() == DType::uint8 && classes.numel() * 3 == picture.numel(),
          "[overlay] a picture {} has classes {}", picture.shape(), classes.shape());
    const Tensor result = picture.clone();
    uint8_t* pixel = result.data<uint8_t>();
    for (const uint8_t k : classes.span<uint8_t>()) {
        const bool coloured = k < names.size() && names[k] != "background";
        const Colour colour = colour_of_class(k);
        for (size_t channel = 0; channel < 3; ++channel, ++pixel)
            if (coloured) *pixel = static_cast<uint8_t>((*pixel * (whole - share) + colour[channel] * share) / whole);
    }
    return result;
}

}  // namespace swingrad
