// Clipping gradients in a training: by their norm, element by element, or by the size of what they change.
#pragma once

#include "cuda/optim/clip.h"
#include "cuda/optim/flat.h"
#include "train/optim/shards.h"

#include <string>
#include <vector>

namespace swingrad {

// With the names of timm's --clip-mode.
//   norm    all gradients times min(1, most / norm): train/optim/clip.h
//   value   each element to -most ... most
//   agc     adaptive: each unit's gradient to at most `most` times the norm of its weights (train/optim/clipping.cpp)
enum class ClipMode { norm, value, agc };
ClipMode clip_mode_named(const std::string& name);  // a recipe's: any other name is the norm

class Clipping {
  public:
    // most = 0: nothing is clipped. Throws an Error where it is negative. With `shards`, which must outlive this
    // object, each rank clips the gradients of its own entries.
    Clipping(const Parameters& parameters, ClipMode mode, double most, const Shards* shards = nullptr);

    // Clips, and returns the norm of all gradients before that. Where the norm is not finite, leaves the gradients as
    // they are. On a GPU, waits for it.
    double clip();

    // In a step on a GPU that waits for nothing: to what norm the optimiser is to clip, 0 where not by norm ...
    double max_norm() const { return mode_ == ClipMode::norm ? most_ : 0; }
    // ... and what clips otherwise, to be called when the norm is known.
    void clip_in_step(const cuda::FlatTable& table) const;

  private:
    Parameters parameters_;  // handles on the same memory
    const ClipMode mode_;
    const double most_;
    const Shards* const shards_;
    std::vector<cuda::ClipUnit> units_;  // of agc
    Tensor units_on_device_;             // bytes
};

// Whether an entry belongs to the layer that is declared last, the head of a classifier: its weight, its bias. A
// parameter of the model itself is a layer by itself.
std::vector<bool> of_last_layer(const Parameters& parameters);

}  // namespace swingrad
