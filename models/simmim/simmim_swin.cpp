#include "models/simmim/simmim_swin.h"

#include <numeric>

namespace swingrad {
namespace {

int64_t stride_of(const SwinConfig& config) {
    const Extent image = config.img_size, patch = config.patch_size;
    check(patch.rows == patch.columns, "[simmim] patches must be square, got {} x {}", patch.rows, patch.columns);
    const int64_t stride = patch.rows << (config.depths.size() - 1);
    check(image.rows % stride == 0 && image.columns % stride == 0,
          "[simmim] an image of {} x {} is not of whole squares of {} pixels, which one token of the last stage stands "
          "for",
          image.rows, image.columns, stride);
    return stride;
}

}  // namespace

SimMimSwin::SimMimSwin(const SwinConfig& config)
    : SwinV2(config, Top::none),
      stride_(stride_of(config)),
      norm_(channels_of_stage(config, config.depths.size() - 1)),
      decoder_(channels_of_stage(config, config.depths.size() - 1), config.in_chans * stride_ * stride_, {1, 1}) {
    declare("norm", norm_);
    declare("mask_token", mask_token_, {1, 1, config.embed_dim}, Init::normal(weight_deviation));
    declare("decoder.0", decoder_);
}

Tensor SimMimSwin::forward(const Tensor& images) const {
    const int64_t C = config().in_chans;
    if (images.shape().rank() != 4 || images.shape()[3] != C + 1) return reconstruct(images, {});
    // All pixels of a patch say the same, and so does their mean.
    const Tensor means = avg_pool2d(slice(images, 3, C, C + 1), config().patch_size, config().patch_size);
    const Shape& shape = means.shape();
    return reconstruct(slice(images, 3, 0, C), reshape(means, {shape[0], shape[1], shape[2]}));
}

Tensor SimMimSwin::reconstruct(const Tensor& images, const Tensor& mask) const {
    const Extent tokens = map_of_stage(config(), 0);
    Tensor token;
    if (mask.defined()) {
        const Shape expected{images.shape()[0], tokens.rows, tokens.columns};
        check(mask.shape() == expected, "[simmim] the mask of {} must be {}, got {}", images.shape(), expected,
              mask.shape());
        token = reshape(mask_token_, {config().embed_dim});
    }
    const Tensor last = maps(images, options_of_step(), token, mask).back();
    const Tensor normalised = norm_(last);
    const Scope scope("decoder");
    return pixel_shuffle(decoder_(normalised), stride_);
}

std::optional<int64_t> SimMimSwin::layer_of(const std::string& parameter) const {
    const std::vector<int64_t>& depths = config().depths;
    if (parameter.starts_with("decoder.")) return std::accumulate(depths.begin(), depths.end(), int64_t{0}) + 1;
    if (parameter == "mask_token") return 0;
    return SwinV2::layer_of(parameter);
}

}  // namespace swingrad
