// Training steps on the GPU that wait for nothing: what a step finds out stays there (cuda/optim/training_step.h) until
// the host looks, some steps later.
//
// The second step is captured as a CUDA graph (cuda::Graph), and from then on a step is that graph launched again:
// hundreds of launches asked for in one call. What differs from step to step lies where the graph looks for it: inputs,
// targets, what drop path keeps and what dropout draws from in memory that stays, written before (Module::draw_ahead);
// learning rates and the step's number in StepControl. A model of one's own may draw otherwise, and then says so: its
// steps are not captured (Module::draws_in_forward). A loss or model that reads a tensor's values on the host waits for
// the device, which a capture forbids: its second step is an Error. Where memory runs out while the step
// is captured (a graph keeps all of its own), steps are asked for launch by launch, as the first one was, and `on_note`
// is told.
#pragma once

#include "cuda/runtime/runtime.h"
#include "models/nn/parameters.h"
#include "train/data/samples.h"
#include "train/loop/loss.h"
#include "train/loop/recipe.h"
#include "train/optim/flat_table.h"
#include "train/optim/optimiser.h"

#include <functional>
#include <memory>
#include <vector>

namespace swingrad {

// A note on standard error, for those who have no better place for it.
void note_on_stderr(const std::string& note);

class DeviceSteps {
  public:
    // All must outlive this object.
    DeviceSteps(Module& model, const Parameters& parameters, DeviceOptimiser& optimiser, const Recipe& recipe,
                const Loss& loss);

    // Asks for the next step: forward, backward, update. `random` is the step's; `learning_rate(i)` the rate of the
    // step i after this one.
    void take(const Batch& batch, const Random& random, const std::function<double(int64_t)>& learning_rate);

    int64_t unread() const { return unread_; }  // steps asked for since read()
    bool full() const { return unread_ == cuda::most_unread_steps; }
    bool classifies() const { return classifies_; }  // targets are classes for what the model puts out

    // What those steps found, in order. From the first on that is not finite, none has changed a parameter. Waits for
    // the device.
    std::vector<cuda::StepRecord> read();
    std::function<void(const std::string& note)> on_note;  // where it is not set, notes go to stderr
    // Gives the memory of the captured graph back, for what needs much of it; the next step is captured anew.
    void forget_capture();

  private:
    void write_inputs(const Batch& batch, const Random& random);
    void compute();
    void capture();

    Module& model_;
    const Parameters& parameters_;
    DeviceOptimiser& optimiser_;
    const Loss& loss_;
    const double max_norm_;
    bool capturable_;
    FlatTable table_;
    DeviceStepControl control_;
    Tensor inputs_, targets_;      // where every step finds them
    const Tensor buffers_before_;  // a step, to be put back where it is left out
    Tensor norm_;                  // [1]
    bool classifies_ = true;
    bool warm_ = false;  // a step has made all that is made on first use
    std::unique_ptr<cuda::Graph> capture_;
    int64_t unread_ = 0;
};

}  // namespace swingrad
