// What a trained Swin makes of images before its classifier.
#pragma once

#include "models/nn/parameters.h"
#include "models/swin/swin_v2.h"
#include "train/data/batch.h"
#include "train/data/samples.h"
#include "train/loop/recipe.h"

#include <functional>
#include <string>

namespace swingrad {

// A linear probe trains the classifier alone: these patterns are all else of a Swin, for models/nn/freeze.h.
inline constexpr const char* all_but_the_head = "*_embed,layers,norm";

// Of all samples in their order, as they are: [n, C], float32, or float64 where the model is, on the CPU. The model in
// evaluation, in batches of at most `batch_size`, nothing recorded. `after_batch`, where given, is called with the
// number of samples done; `observe` as ForwardOptions has it. Throws an Error where a feature is not finite.
Tensor features_of(SwinV2& model, const Parameters& parameters, const Samples& samples, int64_t batch_size,
                   const std::function<void(int64_t done)>& after_batch = {},
                   const std::function<void(std::string_view name, const Tensor& value)>& observe = {});

// Images whose features were computed once, as samples for the classifier alone: inputs [B, C], and their labels.
class FeatureSamples final : public Samples {
  public:
    FeatureSamples(ImageSamples images, Tensor features);

    int64_t size() const override { return features_.shape()[0]; }
    Batch batch(std::span<const int64_t> indices, const Random* augmentation) const override;
    const Dataset* images() const override { return images_.images(); }
    const PictureInput* picture_input() const override { return images_.picture_input(); }

  private:
    const ImageSamples images_;
    const Tensor features_;
};

// A Swin that only computes features, of images that are to be learnt from by a recipe.
struct FeatureExtractor {
    SwinV2 model;
    Parameters parameters;  // without gradients; drawn as the recipe's trainer draws them

    FeatureExtractor(const SwinConfig& config, const Recipe& recipe);
    FeatureSamples of(ImageSamples images, int64_t batch_size,
                      const std::function<void(int64_t done)>& after_batch = {});
};

}  // namespace swingrad
