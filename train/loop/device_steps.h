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
#include "train/optim/clipping.h"
#include "train/optim/flat_table.h"
#include "train/optim/mean_gradient.h"
#include "train/optim/optimiser.h"
#include "train/ranks/shares.h"

#include <functional>
#include <memory>
#include <vector>

namespace swingrad {

// A note on standard error, for those who have no better place for it.
void note_on_stderr(const std::string& note);

class DeviceSteps {
  public:
    // All must outlive this object. `mean_gradient`: where steps have several micro-batches; else null.
    DeviceSteps(Module& model, const Parameters& parameters, DeviceOptimiser& optimiser, const Clipping& clipping,
                MeanGradient* mean_gradient, const Loss& loss);

    // Asks for the next step: forward and backward of each of its micro-batches, then the update. `batch(i)` is called
    // for each in turn; `random` is the step's, of which a micro-batch among several draws from a stream of its own;
    // `numbers(i)` are those of the step i after this one.
    struct Numbers {
        double learning_rate;
        int64_t micro_batches;
    };
    void take(const std::function<Batch(int64_t)>& batch, Random random,
              const std::function<Numbers(int64_t)>& numbers);

    // Of several ranks, each computes its share of a batch's micro-batches: take() asks for no other. Waits for the
    // device in every step, and for the ranks, which must outlive this object.
    void share(Ranks& ranks, int64_t micro_batches);

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
    // What all ranks have counted correct.
    void sum_correct() const;
    void write_inputs(const Batch& batch, Random random);
    // The parts of a step. Where it has one micro-batch, they are one graph; else the middle one is a graph that is
    // launched for each, and the end is another.
    void begin();
    void pass(bool first);
    void end();
    // Launches `graph`, captures it first or, where steps are not captured, does the work.
    void run(std::unique_ptr<cuda::Graph>& graph, const std::function<void()>& work);
    void capture(std::unique_ptr<cuda::Graph>& graph, const std::function<void()>& work);

    Module& model_;
    const Parameters& parameters_;
    DeviceOptimiser& optimiser_;
    const Loss& loss_;
    const Clipping& clipping_;
    MeanGradient* const mean_gradient_;
    Ranks* ranks_ = &one_rank();
    int64_t micro_batches_ = 1;  // a batch, where there are several ranks
    bool capturable_;
    FlatTable table_;
    DeviceStepControl control_;
    Tensor inputs_, targets_;      // where every step finds them
    const Tensor buffers_before_;  // a step, to be put back where it is left out
    Tensor norm_;                  // [1]
    Tensor loss_of_step_;          // [1], of the last step that was not launched as a graph
    bool classifies_ = true;
    bool warm_ = false;  // a step has made all that is made on first use
    std::unique_ptr<cuda::Graph> step_, end_;
    int64_t unread_ = 0;
};

}  // namespace swingrad
