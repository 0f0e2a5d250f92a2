// Normalisation is a table of 3 x 256 numbers: a pixel has no more values than that.
//
// Crop and flip in one pass. With padding p, a crop begins at (top, left) in 0 .. 2p of the padded image, so row r
// of the result is row r + top - p of the image, or border where there is none; columns likewise, counted from the
// other end where the crop is flipped.

#include "train/data/batch.h"

#include "core/error.h"
#include "train/data/resize.h"

#include <algorithm>

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

struct Crop {
    int64_t top = 0, left = 0;  // where row and column 0 lie in the image; may be outside it
    bool flipped = false;
};

Crop random_crop(const Augmentation& augmentation, Random random, int64_t index) {
    const auto words = random.words(static_cast<uint64_t>(index));
    const auto offset = [&](uint32_t word) {
        const auto places = static_cast<uint64_t>(2 * augmentation.crop_padding + 1);
        return static_cast<int64_t>((word * places) >> 32) - augmentation.crop_padding;
    };
    return {offset(words[0]), offset(words[1]), words[2] * 0x1p-32 < augmentation.flip};
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

Normalisation normalisation_of(const std::string& name) {
    if (name == "shapes") return {{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
    if (name == "cifar100") return {{0.5071f, 0.4865f, 0.4409f}, {0.2673f, 0.2564f, 0.2762f}};
    return {{0.4914f, 0.4822f, 0.4465f}, {0.2470f, 0.2435f, 0.2616f}};
}

Batch make_batch(const Dataset& data, std::span<const int64_t> indices, const Normalisation& normalisation,
                 const Augmentation* augmentation, Random random) {
    check(data.images.shape().rank() == 4 && data.images.shape()[-1] == 3 && data.images.shape()[0] == data.size(),
          "[make_batch] images must be [{}, H, W, 3], got {}", data.size(), data.images.shape());
    if (augmentation) {
        check(augmentation->crop_padding >= 0 && augmentation->crop_padding < (1 << 30),
              "[make_batch] crop padding must be 0 to 2^30, got {}", augmentation->crop_padding);
        check(augmentation->flip >= 0 && augmentation->flip <= 1, "[make_batch] flip must be in [0, 1], got {}",
              augmentation->flip);
    }
    const Extent extent = data.extent();
    const int64_t image = extent.rows * extent.columns * 3;
    const auto count = static_cast<int64_t>(indices.size());
    const Table table = table_of(normalisation);
    Batch batch{Tensor::empty({count, extent.rows, extent.columns, 3}), Tensor::empty({count}, DType::int64)};
    const uint8_t* pixels = data.images.data<uint8_t>();
    float* images = batch.inputs.data<float>();
    int64_t* labels = batch.targets.data<int64_t>();
    // On one thread: this runs beside a training step (train/data/loader.h), which wants the others.
    for (int64_t i = 0; i < count; ++i) {
        const int64_t index = indices[static_cast<size_t>(i)];
        check(index >= 0 && index < data.size(), "[make_batch] sample must be 0 to {}, got {}", data.size() - 1, index);
        const Crop crop = augmentation ? random_crop(*augmentation, random, index) : Crop{};
        crop_and_normalise(extent, pixels + index * image, crop, table, images + i * image);
        labels[i] = data.labels[static_cast<size_t>(index)];
    }
    return batch;
}

Tensor input_of(const PictureInput& how, const Tensor& picture) {
    const auto [rows, columns] = how.extent;
    const Dataset one{{}, fitted(picture, how.extent).view({1, rows, columns, 3}), {0}};
    const std::array<int64_t, 1> index{0};
    return make_batch(one, index, how.normalisation, nullptr, Random{}).inputs;
}

}  // namespace swingrad
