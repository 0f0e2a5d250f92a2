// A Swin, the images it learns from, and its trainer.
#pragma once

#include "models/swin/swin_v2.h"
#include "train/data/batch.h"
#include "train/loop/swin_recipe.h"
#include "train/loop/trainer.h"

namespace swingrad {

struct SwinOnImages {
    SwinV2 swin;
    ImageSamples samples;
};

class SwinTrainer : private SwinOnImages, public Trainer {
  public:
    // `data` must outlive the trainer.
    SwinTrainer(const SwinRecipe& recipe, const SwinConfig& config, const Dataset& data,
                const Normalisation& normalisation, Ranks& ranks = world())
        : SwinOnImages{SwinV2(config),
                       ImageSamples(data, normalisation, augmentation_of(recipe, normalisation, data.has_other_sizes()),
                                    preparation_of(recipe))},
          Trainer(recipe, swin, samples, {}, ranks) {}

    SwinV2& model() { return swin; }
};

}  // namespace swingrad
