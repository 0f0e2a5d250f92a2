#include "models/segmentation/segmentation_swin.h"

#include <fmt/format.h>

#include <numeric>

namespace swingrad {
namespace {

std::unique_ptr<DecodeHead> head_of(const SwinConfig& config, const SegmentationConfig& segmentation) {
    check(segmentation.width >= 1, "[segmentation] a head needs at least one channel, got {}", segmentation.width);
    std::vector<int64_t> channels;
    for (size_t i = 0; i < config.depths.size(); ++i) channels.push_back(channels_of_stage(config, i));
    if (segmentation.head == SegmentationHead::uper)
        return std::make_unique<UperHead>(channels, segmentation.width, config.num_classes);
    return std::make_unique<SumHead>(channels, segmentation.width, config.num_classes);
}

}  // namespace

SegmentationSwin::SegmentationSwin(const SwinConfig& config, const SegmentationConfig& segmentation)
    : SwinV2(config, Top::none), head_(head_of(config, segmentation)) {
    for (size_t i = 0; i < config.depths.size(); ++i) {
        norms_.push_back(std::make_unique<LayerNorm>(channels_of_stage(config, i)));
        declare(fmt::format("norm{}", i), *norms_.back());
    }
    declare("decode_head", *head_);
}

Tensor SegmentationSwin::forward(const Tensor& images) const {
    std::vector<Tensor> maps = SwinV2::maps(images, options_of_step());
    for (size_t i = 0; i < maps.size(); ++i) maps[i] = (*norms_[i])(maps[i]);
    const Scope scope("decode_head");
    return resize(head_->forward(maps), config().img_size, Resize::bilinear);
}

std::optional<int64_t> SegmentationSwin::layer_of(const std::string& parameter) const {
    const std::vector<int64_t>& depths = config().depths;
    const int64_t blocks = std::accumulate(depths.begin(), depths.end(), int64_t{0});
    if (parameter.starts_with("decode_head.")) return blocks + 1;
    int64_t last = 0;  // block of the stage
    for (size_t i = 0; i < depths.size(); ++i) {
        last += depths[i];
        if (parameter.starts_with(fmt::format("norm{}.", i))) return last;
    }
    return SwinV2::layer_of(parameter);
}

}  // namespace swingrad
