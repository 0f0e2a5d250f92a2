#include "models/segmentation/heads.h"

namespace swingrad {
namespace {

constexpr double classifier_deviation = 0.01;  // mmsegmentation's

Extent extent_of(const Tensor& map) { return {map.shape()[1], map.shape()[2]}; }

Conv2dLayerOptions of_classifier() {
    return {.weight_init = Init::normal(classifier_deviation), .bias_init = Init::constant(0)};
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

}  // namespace swingrad
