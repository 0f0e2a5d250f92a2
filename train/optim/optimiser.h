// Optimisers: from gradients to new parameters, with the numbers of torch.optim.
//
//   auto optimiser = make_adamw(parameters, {.weight_decay = 0.05});
//   optimiser->step(schedule.at(optimiser->steps()));
//
// A step is one pass over the flat memory of Parameters, on the CPU or on the GPU, wherever they live. Parameters that
// received no gradient since the last zero_grad() are left alone, value and state, as in PyTorch. Float32 and
// float64; in mixed precision the float32 values, and with them the copies that the model computes with.
#pragma once

#include "cuda/optim/training_step.h"
#include "models/nn/parameters.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace swingrad {

class Optimiser {
  public:
    virtual ~Optimiser() = default;

    // One update of all parameters from their gradients. Throws an Error unless learning_rate is finite and >= 0.
    virtual void step(double learning_rate) = 0;

    int64_t steps() const { return steps_; }  // taken so far
    void set_steps(int64_t steps) { steps_ = steps; }

    // What must be kept, besides steps(), to continue: "exp_avg", "exp_avg_sq", "momentum_buffer" of the length and
    // dtype of Parameters::values(), and "step", int64, how many updates each of Parameters::entries() has had.
    // Names as in PyTorch. Handles, not copies: writing to them is how a checkpoint is restored.
    virtual std::vector<std::pair<std::string, Tensor>> state() const = 0;

  protected:
    int64_t steps_ = 0;
};

// One that a step captured on a GPU can hold (train/loop/device_steps.h).
class DeviceOptimiser : public Optimiser {
  public:
    // `step` for a training that waits for nothing: learning rate, clipping and whether the step is taken at all come
    // from `control`, in device memory. Does not count: set_steps once it is known what was taken.
    virtual void step_by(const cuda::StepControl* control) = 0;
};

// Names and defaults are those of torch.optim. Weight decay applies to parameters with Decay::yes only.
struct AdamWOptions {
    double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
};
struct SGDOptions {
    double momentum = 0.9, dampening = 0, weight_decay = 0;
    bool nesterov = false;  // needs momentum > 0 and dampening 0
};

// The optimiser shares the memory of `parameters` and does not need the object itself to live on. Throws an Error
// naming the option that is out of range.
std::unique_ptr<DeviceOptimiser> make_adamw(const Parameters& parameters, const AdamWOptions& options);
std::unique_ptr<DeviceOptimiser> make_sgd(const Parameters& parameters, const SGDOptions& options);

}  // namespace swingrad
