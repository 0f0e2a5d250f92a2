#include "train/data/dataset.h"

#include "train/data/samples.h"
#include "train/data/sources.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace swingrad {

Dataset subset(const Dataset& data, const std::vector<int64_t>& indices) {
    Dataset part;
    part.classes = data.classes;
    if (data.masks) part.masks = subset(data.masks, indices);
    if (data.pictures) {
        for (const int64_t index : indices) part.labels.push_back(data.labels[static_cast<size_t>(index)]);
        part.pictures = subset(data.pictures, indices);
        part.fitted_to = data.fitted_to;
        return part;
    }
    const int64_t image = data.images.shape().with(0, 1).numel();
    part.images = Tensor::empty(data.images.shape().with(0, static_cast<int64_t>(indices.size())), DType::uint8);
    uint8_t* to = part.images.data<uint8_t>();
    for (const int64_t index : indices) {
        std::memcpy(to, data.images.data<uint8_t>() + index * image, static_cast<size_t>(image));
        part.labels.push_back(data.labels[static_cast<size_t>(index)]);
        to += image;
    }
    return part;
}

bool Dataset::has_other_sizes() const {
    for (int64_t i = 0; pictures && i < size(); ++i)
        if (pictures->extent(i) != fitted_to) return true;
    return false;
}

Tensor Dataset::image(int64_t index) const {
    check(index >= 0 && index < size(), "[dataset] image must be 0 to {}, got {}", size() - 1, index);
    if (pictures) return pictures->read(index);
    return images.slice(index, index + 1).view({extent().rows, extent().columns, 3});
}

Extent Dataset::extent_of(int64_t index) const { return pictures ? pictures->extent(index) : extent(); }

std::pair<Dataset, Dataset> hold_out(const Dataset& data, double fraction, Random random) {
    check(fraction >= 0 && fraction < 1, "[hold_out] fraction must be in [0, 1), got {}", fraction);
    if (fraction == 0) return {data, subset(data, {})};

    std::vector<std::vector<int64_t>> members(data.classes.size());
    for (int64_t i = 0; i < data.size(); ++i)
        members[static_cast<size_t>(data.labels[static_cast<size_t>(i)])].push_back(i);
    std::vector<bool> is_held(data.labels.size(), false);
    for (size_t label = 0; label < members.size(); ++label) {
        const auto count = static_cast<int64_t>(members[label].size());
        const std::vector<int64_t> order = shuffled(count, random.split(label));
        const int64_t rounded = std::llround(fraction * static_cast<double>(count));
        const int64_t held = count < 2 ? 0 : std::clamp<int64_t>(rounded, 1, count - 1);
        for (int64_t i = 0; i < held; ++i)
            is_held[static_cast<size_t>(members[label][static_cast<size_t>(order[static_cast<size_t>(i)])])] = true;
    }
    std::vector<int64_t> rest, held_out;
    for (int64_t i = 0; i < data.size(); ++i) (is_held[static_cast<size_t>(i)] ? held_out : rest).push_back(i);
    return {subset(data, rest), subset(data, held_out)};
}

std::string text_of(Extent extent) { return fmt::format("{} x {}", extent.rows, extent.columns); }

}  // namespace swingrad
