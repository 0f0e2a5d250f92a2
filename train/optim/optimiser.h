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

class WeightAverage;

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
    // With an average of weights (train/optim/average.h) also the three below.
    virtual std::vector<std::pair<std::string, Tensor>> state() const = 0;
    virtual const WeightAverage* average() const { return nullptr; }

  protected:
    int64_t steps_ = 0;
};

// Averages of Parameters::values() and of Parameters::buffers(), and how often they were updated, [1].
inline constexpr const char *state_of_average = "ema", *state_of_averaged_buffers = "ema_buffers",
                            *state_of_average_count = "ema_step";

// One that a step captured on a GPU can hold (train/loop/device_steps.h).
class DeviceOptimiser : public Optimiser {
  public:
    // `step` for a training that waits for nothing: learning rate, clipping and whether the step is taken at all come
    // from `control`, in device memory. Does not count: set_steps once it is known what was taken.
    virtual void step_by(const cuda::StepControl* control) = 0;
};

// Names and defaults are those of torch.optim. Weight decay applies to parameters with Decay::yes only, and the
// learning rate is multiplied by an entry's rate.
struct AdamWOptions {
    double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
};
struct SGDOptions {
    double momentum = 0.9, dampening = 0, weight_decay = 0;
    bool nesterov = false;  // needs momentum > 0 and dampening 0
};

// What a step of Muon's is multiplied by, with the names of torch.optim.Muon: 0.2 sqrt(max(rows, columns)), with which
// AdamW's learning rate serves both, or sqrt(max(1, rows / columns)).
enum class MuonScale { match_rms_adamw, original };
struct MuonOptions {
    double momentum = 0.95, weight_decay = 0.1;
    bool nesterov = true;
    MuonScale scale = MuonScale::match_rms_adamw;
};

// The optimiser shares the memory of `parameters` and does not need the object itself to live on. Throws an Error
// naming the option that is out of range.
//
// It takes the step of those entries alone that `entries` says; the others' part of its state stays 0. Empty: of all.
using OfEntries = std::vector<bool>;
std::unique_ptr<DeviceOptimiser> make_adamw(const Parameters& parameters, const AdamWOptions& options,
                                            const OfEntries& entries = {});
std::unique_ptr<DeviceOptimiser> make_sgd(const Parameters& parameters, const SGDOptions& options,
                                          const OfEntries& entries = {});
// Muon for hidden_matrices, AdamW with its default betas and the same weight decay for the rest.
std::unique_ptr<DeviceOptimiser> make_muon(const Parameters& parameters, const MuonOptions& options,
                                           const OfEntries& entries = {});

// Which entries Muon takes: weights of linear layers and of convolutions, but for the layer that is declared last, a
// classifier's head, and tables of embeddings.
std::vector<bool> hidden_matrices(const Parameters& parameters);

}  // namespace swingrad
