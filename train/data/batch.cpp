// Normalisation is a table of 3 x 256 numbers: a pixel has no more values than that.
//
// Images of the model's size are cropped and flipped in one pass. With padding p, a crop begins at (top, left) in 0 ..
// 2p of the padded image, so row r of the result is row r + top - p of the image, or border where there is none;
// columns likewise, counted from the other end where the crop is flipped. All others are brought to their pixels first
// (train/data/augmentation.h).

#include "train/data/batch.h"

#include "core/error.h"
#include "train/data/workers.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace swingrad {
namespace {

using Table = std::array<std::array<float, 256>, 3>;

Table table_of(const Normalisation& normalisation) {
    Table table;
    for (size_t channel = 0; channel < 3; ++channel)
        for (size_t value = 0; value < 256; ++value)
            table[channel][value] =
                (static_cast<float>(value) / 255.0f - normalisation.mean[channel]) / normalisation.deviation[channel];
    return table;
}

// image and result: [H, W, 3]
void crop_and_normalise(Extent extent, const uint8_t* image, const Crop& crop, const Table& table, float* result) {
    for (int64_t r = 0; r < extent.rows; ++r) {
        const int64_t row = r + crop.top;
        const bool row_inside = row >= 0 && row < extent.rows;
        for (int64_t c = 0; c < extent.columns; ++c, result += 3) {
            const int64_t column = (crop.flipped ? extent.columns - 1 - c : c) + crop.left;
            if (row_inside && column >= 0 && column < extent.columns) {
                const uint8_t* pixel = image + (row * extent.columns + column) * 3;
                for (size_t channel = 0; channel < 3; ++channel) result[channel] = table[channel][pixel[channel]];
            } else {
                std::fill_n(result, 3, 0.0f);
            }
        }
    }
}

void normalise(const Tensor& image, const Table& table, float* result) {
    const uint8_t* pixels = image.data<uint8_t>();
    for (int64_t i = 0; i < image.numel(); i += 3)
        for (size_t channel = 0; channel < 3; ++channel) *result++ = table[channel][*pixels++];
}

// All that a batch's images have in common.
struct Making {
    const Dataset& data;
    const Augmentation* augmentation;  // may be null
    const Random random;
    const Preparation& preparation;
    const Extent extent;
    const Table table;
    const Colour mean;
    const bool by_pixels;  // not in one pass

    void make(const Sample& sample, float* to) const {
        if (by_pixels) {
            Fitting fitting = preparation.fitting;
            fitting.fill = mean;
            if (augmentation) fitting.crop_share = 1;  // crops are left to chance
            const Tensor image = data.image(sample.image);
            normalise(augmentation ? augmented_pixels(image, sample, *augmentation, extent, fitting, mean, random)
                                   : fitted(image, extent, fitting),
                      table, to);
        } else {
            const uint8_t* pixels = data.images.data<uint8_t>() + sample.image * extent.rows * extent.columns * 3;
            crop_and_normalise(extent, pixels, augmentation ? random_crop(sample, *augmentation, random) : Crop{},
                               table, to);
        }
        if (!augmentation || augmentation->erasing.probability == 0) return;
        Draws draws(stream_of(sample, AugmentationPurpose::erasing, random));
        erase(to, extent, augmentation->erasing, draws);
    }
};

}  // namespace

void check_normalisation(const Normalisation& normalisation, const std::string& mean, const std::string& deviation) {
    const auto check_each = [](const std::string& name, const std::array<float, 3>& channels, float least) {
        const auto fits = [least](float one) { return one >= least && one <= 1; };
        const auto wrong = std::find_if_not(channels.begin(), channels.end(), fits);
        if (wrong == channels.end()) return;
        const auto [r, g, b] = std::array{channels[0] / 255, channels[1] / 255, channels[2] / 255};
        const bool of_bytes = fits(r) && fits(g) && fits(b);
        fail("{} must be {} to 1 of each channel, got {}{}", name, least, *wrong,
             of_bytes ? fmt::format("; pixels count from 0 to 1: did you mean {:.3g},{:.3g},{:.3g}?", r, g, b) : "");
    };
    check_each(mean, normalisation.mean, 0);
    check_each(deviation, normalisation.deviation, 0.001f);
}

Colour mean_colour(const Normalisation& normalisation) {
    Colour colour;
    for (size_t channel = 0; channel < 3; ++channel)
        colour[channel] = static_cast<uint8_t>(std::clamp(std::lrint(normalisation.mean[channel] * 255), 0l, 255l));
    return colour;
}

Normalisation normalisation_of(const std::string& name) {
    if (name == "shapes") return {{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
    if (name == "cifar100") return {{0.5071f, 0.4865f, 0.4409f}, {0.2673f, 0.2564f, 0.2762f}};
    return {{0.4914f, 0.4822f, 0.4465f}, {0.2470f, 0.2435f, 0.2616f}};
}

Batch make_batch(const Dataset& data, std::span<const int64_t> indices, const Normalisation& normalisation,
                 const Augmentation* augmentation, Random random, const Preparation& preparation) {
    const Shape& shape = data.images.shape();
    check(data.pictures || (shape.rank() == 4 && shape[-1] == 3 && shape[0] == data.size()),
          "[make_batch] images must be [{}, H, W, 3], got {}", data.size(), shape);
    if (augmentation) check_augmentation(*augmentation);
    const bool cut = !augmentation && preparation.fitting.crop_share < 1;
    const bool by_pixels = data.pictures || cut || (augmentation && augmentation->changes_pixels());
    const Making making{
        data,     augmentation, random, preparation, data.extent(), table_of(normalisation), mean_colour(normalisation),
        by_pixels};
    const Extent extent = data.extent();
    const auto count = static_cast<int64_t>(indices.size());
    std::vector<Sample> samples;
    std::vector<int64_t> labels;
    for (const int64_t index : indices) {
        check(index >= 0 && (augmentation || index < data.size()), "[make_batch] sample must be 0 to {}, got {}",
              data.size() - 1, index);
        samples.push_back(augmentation ? sample_of(index, data.size(), *augmentation) : Sample{index, index, false});
        labels.push_back(data.labels[static_cast<size_t>(samples.back().image)]);
    }
    const Tensor images = Tensor::empty({count, extent.rows, extent.columns, 3});
    // What takes no time is made on one thread: this runs beside a training step (train/data/loader.h), which wants the
    // others.
    by_workers(count, by_pixels ? preparation.workers : 1, [&](int64_t i) {
        making.make(samples[static_cast<size_t>(i)], images.data<float>() + i * extent.rows * extent.columns * 3);
    });
    if (!augmentation || !augmentation->mixing.active()) return {images, Tensor::from({count}, labels)};
    std::vector<Random> streams;
    for (const Sample& sample : samples) streams.push_back(stream_of(sample, AugmentationPurpose::mixing, random));
    const auto classes = static_cast<int64_t>(data.classes.size());
    return {images, mix(images, labels, classes, augmentation->mixing, streams)};
}

Tensor input_of(const PictureInput& how, const Tensor& picture) {
    const auto [rows, columns] = how.extent;
    Fitting fitting = how.fitting;
    fitting.fill = mean_colour(how.normalisation);
    const Dataset one{{}, fitted(picture, how.extent, fitting).view({1, rows, columns, 3}), {0}};
    const std::array<int64_t, 1> index{0};
    return make_batch(one, index, how.normalisation, nullptr, Random{}).inputs;
}

}  // namespace swingrad
