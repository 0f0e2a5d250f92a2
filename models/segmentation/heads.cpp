#include "models/segmentation/heads.h"

namespace swingrad {
namespace {

constexpr double classifier_deviation = 0.01;  // mmsegmentation's

Extent extent_of(const Tensor& map) { return {map.shape()[1], map.shape()[2]}; }

Conv2dLayerOptions of_classifier() {
    return {.weight_init = Init::normal(classifier_deviation), .bias_init = Init::constant(0)};
}

constexpr int64_t bins_of_pools[] = {1, 2, 3, 6};

// Bin i of s over n places: floor(i n / s) up to ceil((i + 1) n / s), which may overlap. Means of an axis's bins.
Tensor means_of_bins(const Tensor& x, int axis, int64_t bins) {
    const int64_t n = x.shape()[axis];
    std::vector<Tensor> means;
    for (int64_t i = 0; i < bins; ++i)
        means.push_back(mean(slice(x, axis, i * n / bins, ((i + 1) * n + bins - 1) / bins), {axis}, true));
    return concat(means, axis);
}

}  // namespace

ConvNormRelu::ConvNormRelu(int64_t inputs, int64_t outputs, int64_t kernel)
    : conv(inputs, outputs, {kernel, kernel}, {.padding = {kernel / 2, kernel / 2}, .bias = false}), bn(outputs) {
    declare("conv", conv);
    declare("bn", bn);
}

SumHead::SumHead(const std::vector<int64_t>& channels, int64_t width, int64_t classes)
    : conv_seg(width, classes, {1, 1}, of_classifier()) {
    for (const int64_t each : channels) lateral_convs.add<Conv2d>(each, width, Extent{1, 1});
    declare("lateral_convs", lateral_convs);
    declare("conv_seg", conv_seg);
}

Tensor SumHead::forward(const std::vector<Tensor>& maps) const {
    check(maps.size() == lateral_convs.size(), "[segmentation] a head for {} maps got {}", lateral_convs.size(),
          maps.size());
    Tensor sum;
    for (size_t i = 0; i < maps.size(); ++i) {
        const Tensor lateral = resize(lateral_convs[i](maps[i]), extent_of(maps[0]), Resize::bilinear);
        sum = i == 0 ? lateral : sum + lateral;
    }
    return conv_seg(relu(sum));
}

UperHead::UperHead(const std::vector<int64_t>& channels, int64_t width, int64_t classes)
    : bottleneck(channels.back() + static_cast<int64_t>(std::size(bins_of_pools)) * width, width, 3),
      fpn_bottleneck(static_cast<int64_t>(channels.size()) * width, width, 3),
      conv_seg(width, classes, {1, 1}, of_classifier()) {
    for (size_t i = 0; i < std::size(bins_of_pools); ++i) psp_modules.add(channels.back(), width);
    for (size_t i = 0; i + 1 < channels.size(); ++i) {
        lateral_convs.add(channels[i], width, 1);
        fpn_convs.add(width, width, 3);
    }
    declare("psp_modules", psp_modules);
    declare("bottleneck", bottleneck);
    declare("lateral_convs", lateral_convs);
    declare("fpn_convs", fpn_convs);
    declare("fpn_bottleneck", fpn_bottleneck);
    declare("conv_seg", conv_seg);
}

Tensor UperHead::pyramid_pooled(const Tensor& map) const {
    std::vector<Tensor> parts{map};
    for (size_t i = 0; i < std::size(bins_of_pools); ++i) {
        const Tensor pooled = means_of_bins(means_of_bins(map, 1, bins_of_pools[i]), 2, bins_of_pools[i]);
        parts.push_back(resize(psp_modules[i].conv(pooled), extent_of(map), Resize::bilinear));
    }
    return bottleneck(concat(parts, 3));
}

Tensor UperHead::forward(const std::vector<Tensor>& maps) const {
    check(maps.size() == lateral_convs.size() + 1, "[segmentation] a head for {} maps got {}", lateral_convs.size() + 1,
          maps.size());
    const size_t last = maps.size() - 1;
    const Extent size = extent_of(maps[0]);
    Tensor level = pyramid_pooled(maps[last]);
    std::vector<Tensor> levels(maps.size());
    levels[last] = resize(level, size, Resize::bilinear);
    for (size_t i = last; i-- > 0;) {
        level = lateral_convs[i](maps[i]) + resize(level, extent_of(maps[i]), Resize::bilinear);
        levels[i] = resize(fpn_convs[i](level), size, Resize::bilinear);
    }
    return conv_seg(fpn_bottleneck(concat(levels, 3)));
}

}  // namespace swingrad
