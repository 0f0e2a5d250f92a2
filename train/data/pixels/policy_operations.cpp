// What a magnitude m of 0 to 10 means is timm's, whose tables are those of AutoAugment's and RandAugment's authors:
//
//   Rotate           30 m/10 degrees, either way          ShearX, ShearY   0.3 m/10, either way
//   TranslateXRel, TranslateYRel   0.45 m/10 of the side, either way
//   Posterize        4 m/10 bits are left, rounded down; Increasing: 4 less these; Original: 4 and these
//   Solarize         from 256 m/10 on, rounded down; Increasing: from 256 less that on      SolarizeAdd   110 m/10
//   Color, Contrast, Brightness, Sharpness   0.1 + 1.8 m/10; Increasing: 1 + 0.9 m/10 or 1 - 0.9 m/10, at least 0.1
//
// Sources: arXiv 1805.09501, table 6; arXiv 1909.13719; timm's auto_augment.py.

#include "train/data/pixels/policy_operations.h"

#include "core/error.h"
#include "train/data/pixels/enhance.h"
#include "train/data/pixels/point.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr double most = 10;

double either_way(double value, Draws& draws) { return draws.chance(0.5) ? -value : value; }

int64_t whole(double value) { return static_cast<int64_t>(value); }

int64_t bits_left(double m) { return std::clamp<int64_t>(whole(m / most * 4), 0, 8); }
int64_t threshold(double m) { return std::min<int64_t>(256, whole(m / most * 256)); }
double factor(double m) { return 0.1 + 1.8 * m / most; }
double increasing_factor(double m, Draws& draws) { return std::max(0.1, 1 + either_way(0.9 * m / most, draws)); }

Tensor auto_contrast(const Tensor& x, double, const Ground&, Draws&) { return with_full_contrast(x); }
Tensor equalize(const Tensor& x, double, const Ground&, Draws&) { return equalized(x); }
Tensor invert(const Tensor& x, double, const Ground&, Draws&) { return inverted(x); }
Tensor rotate(const Tensor& x, double m, const Ground& ground, Draws& draws) {
    return rotated(x, either_way(30 * m / most, draws), ground);
}
Tensor posterize(const Tensor& x, double m, const Ground&, Draws&) { return posterized(x, bits_left(m)); }
Tensor posterize_increasing(const Tensor& x, double m, const Ground&, Draws&) {
    return posterized(x, std::max<int64_t>(0, 4 - bits_left(m)));
}
Tensor posterize_original(const Tensor& x, double m, const Ground&, Draws&) {
    return posterized(x, std::min<int64_t>(8, 4 + bits_left(m)));
}
Tensor solarize(const Tensor& x, double m, const Ground&, Draws&) { return solarized(x, threshold(m)); }
Tensor solarize_increasing(const Tensor& x, double m, const Ground&, Draws&) {
    return solarized(x, 256 - threshold(m));
}
Tensor solarize_add(const Tensor& x, double m, const Ground&, Draws&) {
    return brightened_below_half(x, std::min<int64_t>(128, whole(m / most * 110)));
}
Tensor color(const Tensor& x, double m, const Ground&, Draws&) { return with_colour(x, factor(m)); }
Tensor color_increasing(const Tensor& x, double m, const Ground&, Draws& draws) {
    return with_colour(x, increasing_factor(m, draws));
}
Tensor contrast(const Tensor& x, double m, const Ground&, Draws&) { return with_contrast(x, factor(m)); }
Tensor contrast_increasing(const Tensor& x, double m, const Ground&, Draws& draws) {
    return with_contrast(x, increasing_factor(m, draws));
}
Tensor brightness(const Tensor& x, double m, const Ground&, Draws&) { return with_brightness(x, factor(m)); }
Tensor brightness_increasing(const Tensor& x, double m, const Ground&, Draws& draws) {
    return with_brightness(x, increasing_factor(m, draws));
}
Tensor sharpness(const Tensor& x, double m, const Ground&, Draws&) { return with_sharpness(x, factor(m)); }
Tensor sharpness_increasing(const Tensor& x, double m, const Ground&, Draws& draws) {
    return with_sharpness(x, increasing_factor(m, draws));
}
Tensor shear_x(const Tensor& x, double m, const Ground& ground, Draws& draws) {
    return sheared_along_rows(x, either_way(0.3 * m / most, draws), ground);
}
Tensor shear_y(const Tensor& x, double m, const Ground& ground, Draws& draws) {
    return sheared_along_columns(x, either_way(0.3 * m / most, draws), ground);
}
Tensor translate_x_rel(const Tensor& x, double m, const Ground& ground, Draws& draws) {
    return moved_along_rows(x, either_way(0.45 * m / most, draws) * static_cast<double>(x.shape()[1]), ground);
}
Tensor translate_y_rel(const Tensor& x, double m, const Ground& ground, Draws& draws) {
    return moved_along_columns(x, either_way(0.45 * m / most, draws) * static_cast<double>(x.shape()[0]), ground);
}

constexpr struct {
    const char* name;
    PolicyOperation apply;
} operations[] = {
    {"AutoContrast", auto_contrast},
    {"Equalize", equalize},
    {"Invert", invert},
    {"Rotate", rotate},
    {"Posterize", posterize},
    {"PosterizeIncreasing", posterize_increasing},
    {"PosterizeOriginal", posterize_original},
    {"Solarize", solarize},
    {"SolarizeIncreasing", solarize_increasing},
    {"SolarizeAdd", solarize_add},
    {"Color", color},
    {"ColorIncreasing", color_increasing},
    {"Contrast", contrast},
    {"ContrastIncreasing", contrast_increasing},
    {"Brightness", brightness},
    {"BrightnessIncreasing", brightness_increasing},
    {"Sharpness", sharpness},
    {"SharpnessIncreasing", sharpness_increasing},
    {"ShearX", shear_x},
    {"ShearY", shear_y},
    {"TranslateXRel", translate_x_rel},
    {"TranslateYRel", translate_y_rel},
};

}  // namespace

PolicyOperation policy_operation(const std::string& name) {
    for (const auto& one : operations)
        if (name == one.name) return one.apply;
    fail("[policy] no operation \"{}\"", name);
}

}  // namespace swingrad
