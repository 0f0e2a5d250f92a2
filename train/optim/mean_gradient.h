// The mean of the gradients of several batches, for a step of more samples than fit in memory at once.
#pragma once

#include "models/nn/parameters.h"
#include "train/optim/flat_table.h"

namespace swingrad {

// Between begin() and finish(), add() after the backward pass of each batch: the gradients become those of the mean of
// the batches' losses. Sums are float32 or float64, as Parameters::values() are, in mixed precision too. A parameter
// that received a gradient from some of the batches has had zeros from the others.
class MeanGradient {
  public:
    explicit MeanGradient(const Parameters& parameters);

    void begin() const;  // forgets what was added
    void add() const;
    void finish(int64_t batches) const;  // Parameters' gradients are the mean over so many batches

    // On a GPU in a step that waits for nothing: the losses' mean is taken too, and `control` has the number of batches
    // of each step. loss: [1], on the device.
    void add_by(const cuda::FlatTable& table, const Tensor& loss);
    const Tensor& finish_by(const cuda::FlatTable& table, const cuda::StepControl* control) const;  // the mean loss

  private:
    Parameters parameters_;  // handles on the same memory
    Tensor sums_;            // [total]
    Tensor loss_;            // [1], of a GPU; of the first loss' dtype
};

}  // namespace swingrad
