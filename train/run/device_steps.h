// Training steps on the GPU that wait for nothing: what a step finds out stays there (cuda/training_step.h) until the
// host looks, some steps later.
#pragma once

#include "train/optim/flat_table.h"
#include "train/optim/optimiser.h"

#include <functional>
#include <vector>

namespace swingrad {

class DeviceSteps {
  public:
    // `max_norm` as Recipe::clip_grad: 0 where gradients are not clipped.
    DeviceSteps(const Parameters& parameters, double max_norm);

    // After the backward pass: the norm of the gradient, the record, the optimiser's step. `learning_rate(i)` is that
    // of the step i after this one.
    void finish(const Tensor& logits, const Tensor& labels, const Tensor& loss, Optimiser& optimiser,
                const std::function<double(int64_t)>& learning_rate);

    int64_t unread() const { return unread_; }  // steps finished since read()
    bool full() const { return unread_ == cuda::most_unread_steps; }
    // What those steps found, in order. From the first on that is not finite, none has changed a parameter. Waits for
    // the device.
    std::vector<cuda::StepRecord> read();

  private:
    Parameters parameters_;  // handles on the same memory
    FlatTable table_;
    double max_norm_;
    DeviceStepControl control_;
    Tensor norm_, hits_;  // [1], [B]
    int64_t unread_ = 0;
};

}  // namespace swingrad
