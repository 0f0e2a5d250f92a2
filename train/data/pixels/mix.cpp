// Cutmix's rectangle has sides of sqrt(1 - lambda) of the image's, about a middle that is uniform in the image, and is
// cut at the image's edges. Sources: arXiv 1710.09412 (mixup), arXiv 1905.04899 (cutmix).
//
// Beta(a, a) is X / (X + Y) for
//   a <= 1   X = U^(1/a), Y = V^(1/a), U and V uniform, drawn until X + Y <= 1                              (Joehnk)
//   a > 1    X and Y from Gamma(a): d v, d = a - 1/3, v = (1 + x / sqrt(9 d))^3, x normal, accepted where
//            log U < x^2 / 2 + d - d v + d log v                                                (Marsaglia and Tsang)

#include "train/data/pixels/mix.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

// In (0, 1), so that it has a logarithm.
double inner_uniform(Draws& draws) { return draws.uniform() + 0x1p-33; }

double gamma_above_1(double a, Draws& draws) {
    const double d = a - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    while (true) {
        const double x = draws.normal(), v = (1 + c * x) * (1 + c * x) * (1 + c * x);
        const double u = inner_uniform(draws);
        if (v > 0 && std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
}

double beta_up_to_1(double a, Draws& draws) {
    while (true) {
        const double log_x = std::log(inner_uniform(draws)) / a, log_y = std::log(inner_uniform(draws)) / a;
        if (std::exp(log_x) + std::exp(log_y) > 1) continue;
        return 1 / (1 + std::exp(log_y - log_x));  // X / (X + Y), even where both are too small for a double
    }
}

// What one lambda is, and of cutmix which rows and columns are replaced.
struct Mixture {
    double lambda = 1;
    bool cut = false;
    int64_t top = 0, bottom = 0, left = 0, right = 0;
};

Mixture draw(const Mixing& mixing, int64_t rows, int64_t columns, Draws draws) {
    Mixture mixture;
    if (!draws.chance(mixing.probability)) return mixture;
    const bool both = mixing.mixup > 0 && mixing.cutmix > 0;
    mixture.cut = both ? draws.chance(mixing.switch_probability) : mixing.cutmix > 0;
    // In float32, in which images and targets are mixed.
    mixture.lambda = static_cast<float>(beta(mixture.cut ? mixing.cutmix : mixing.mixup, draws));
    if (!mixture.cut) return mixture;
    const double side = std::sqrt(1 - mixture.lambda);
    const auto half = [side](int64_t length) { return static_cast<int64_t>(static_cast<double>(length) * side) / 2; };
    const int64_t y = draws.below(rows), x = draws.below(columns);
    mixture.top = std::max<int64_t>(0, y - half(rows)), mixture.bottom = std::min(rows, y + half(rows));
    mixture.left = std::max<int64_t>(0, x - half(columns)), mixture.right = std::min(columns, x + half(columns));
    const auto area = static_cast<double>((mixture.bottom - mixture.top) * (mixture.right - mixture.left));
    mixture.lambda = 1 - area / static_cast<double>(rows * columns);
    return mixture;
}

// `image` and `other`: [rows, columns, C], `row` = columns C. Into `image`.
void apply(const Mixture& mixture, float* image, const float* other, int64_t rows, int64_t row, int64_t C) {
    if (mixture.cut) {
        for (int64_t r = mixture.top; r < mixture.bottom; ++r)
            std::copy(other + r * row + mixture.left * C, other + r * row + mixture.right * C,
                      image + r * row + mixture.left * C);
        return;
    }
    const auto stays = static_cast<float>(mixture.lambda), comes = 1 - stays;
    for (int64_t i = 0; i < rows * row; ++i) image[i] = image[i] * stays + other[i] * comes;
}

// The image whose lambda image i has.
int64_t drawn_at(int64_t i, int64_t B, MixMode mode) {
    if (mode == MixMode::batch) return 0;
    return mode == MixMode::pair ? std::min(i, B - 1 - i) : i;
}

}  // namespace

double beta(double a, Draws& draws) {
    check(a > 0, "[beta] the parameter must be above 0, got {}", a);
    if (a <= 1) return beta_up_to_1(a, draws);
    const double x = gamma_above_1(a, draws), y = gamma_above_1(a, draws);
    return x / (x + y);
}

MixMode mix_mode_named(const std::string& name) {
    if (name == "batch") return MixMode::batch;
    if (name == "pair") return MixMode::pair;
    check(name == "elem", "images are mixed by batch, pair or elem, got \"{}\"", name);
    return MixMode::elem;
}

Tensor mix(const Tensor& images, std::span<const int64_t> labels, int64_t classes, const Mixing& mixing,
           std::span<const Random> streams) {
    const Shape& shape = images.shape();
    check(shape.rank() == 4 && labels.size() == streams.size() && shape[0] == static_cast<int64_t>(labels.size()),
          "[mix] images must be [{}, H, W, C], with as many streams, got {} and {}", labels.size(), shape,
          streams.size());
    const int64_t B = shape[0], rows = shape[1], columns = shape[2], C = shape[3], image = rows * columns * C;
    for (const int64_t label : labels)
        check(label >= 0 && label < classes, "[mix] label {} is none of {} classes", label, classes);
    const Tensor before = images.clone(), targets = Tensor::zeros({B, classes});
    for (int64_t i = 0; i < B; ++i) {
        const auto first = static_cast<size_t>(drawn_at(i, B, mixing.mode));
        const Mixture mixture = draw(mixing, rows, columns, Draws(streams[first]));
        const int64_t other = B - 1 - i, own_class = labels[static_cast<size_t>(i)],
                      other_class = labels[static_cast<size_t>(other)];
        if (mixture.lambda < 1)
            apply(mixture, images.data<float>() + i * image, before.data<float>() + other * image, rows, columns * C,
                  C);
        const auto stays = static_cast<float>(mixture.lambda);
        targets.data<float>()[i * classes + own_class] += stays;
        targets.data<float>()[i * classes + other_class] += 1 - stays;
    }
    return targets;
}

}  // namespace swingrad
