#include "models/swin/patches.h"

namespace swingrad {

PatchEmbed::Projection::Projection(int64_t in_chans, int64_t channels, Extent patch) {
    // The one layer that keeps a convolution's usual start.
    const Init init = Init::uniform_by_fan_in(in_chans * patch.rows * patch.columns);
    declare("weight", weight, {channels, in_chans, patch.rows, patch.columns}, init, Decay::yes, Precision::mixed);
    declare("bias", bias, {channels}, init);
}

PatchEmbed::PatchEmbed(int64_t in_chans, int64_t channels, Extent patch)
    : proj(in_chans, channels, patch), norm(channels) {
    declare("proj", proj);
    declare("norm", norm);
}

Tensor PatchEmbed::forward(const Tensor& images) const {
    return norm.forward(patch_embedding(images, proj.weight, proj.bias));
}

PatchMerging::PatchMerging(int64_t channels, MergingNorm placement)
    : reduction(4 * channels, 2 * channels, start_of_linear(false)),
      norm((placement == MergingNorm::after ? 2 : 4) * channels),
      placement_(placement) {
    declare("reduction", reduction);
    declare("norm", norm);
}

Tensor PatchMerging::forward(const Tensor& x) const {
    const Tensor merged = patch_merging(x);
    return placement_ == MergingNorm::after ? norm.forward(reduction.forward(merged))
                                            : reduction.forward(norm.forward(merged));
}

}  // namespace swingrad
