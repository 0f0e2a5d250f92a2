// Training steps on the GPU that wait for nothing: what a step finds out stays there (cuda/optim/training_step.h) until
// the host looks, some steps later.
//
// The second step is captured as a CUDA graph (cuda::Graph), and from then on a step is that graph launched again:
// hundreds of launches asked for in one call. What differs from step to step lies where the graph looks for it: images,
// labels and what drop path keeps in memory that stays, written before; learning rates and the step's number in
// StepControl. Dropout alone is drawn by its kernels from a number that they are given, so a step of a model with
// dropout is not captured.
#pragma once

#include "cuda/runtime/runtime.h"
#include "models/swin/swin_v2.h"
#include "train/data/batch.h"
#include "train/loop/recipe.h"
#include "train/optim/flat_table.h"
#include "train/optim/optimiser.h"

#include <functional>
#include <memory>
#include <vector>

namespace swingrad {

class DeviceSteps {
  public:
    // All must outlive this object.
    DeviceSteps(const SwinV2& model, const Parameters& parameters, Optimiser& optimiser, const Recipe& recipe);

    // Asks for the next step: forward, backward, update. `random` is the step's; `learning_rate(i)` the rate of the
    // step i after this one.
    void take(const Batch& batch, const Random& random, const std::function<double(int64_t)>& learning_rate);

    int64_t unread() const { return unread_; }  // steps asked for since read()
    bool full() const { return unread_ == cuda::most_unread_steps; }
    // What those steps found, in order. From the first on that is not finite, none has changed a parameter. Waits for
    // the device.
    std::vector<cuda::StepRecord> read();
    // Gives the memory of the captured graph back, for what needs much of it; the next step is captured anew.
    void forget_capture();

  private:
    void write_inputs(const Batch& batch, const Random& random);
    void compute(const Random& random);

    const SwinV2& model_;
    const Parameters& parameters_;
    Optimiser& optimiser_;
    const double label_smoothing_, max_norm_;
    const bool capturable_;
    FlatTable table_;
    DeviceStepControl control_;
    Tensor images_, labels_, rates_, keeps_;  // keeps [rates, B]
    Tensor norm_;                             // [1]
    bool warm_ = false;                       // a step has made all that is made on first use
    std::unique_ptr<cuda::Graph> capture_;
    int64_t unread_ = 0;
};

}  // namespace swingrad
