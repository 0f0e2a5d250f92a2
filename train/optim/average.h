// A moving average of the weights (EMA), kept beside those that are trained: what is validated and saved as a result.
#pragma once

#include "cuda/optim/average.h"
#include "train/optim/optimiser.h"
#include "train/optim/shards.h"

#include <memory>

namespace swingrad {

// timm's ModelEmaV3. `decay` in [0, 1): what an update keeps of the average. With `warms_up` the first updates keep
// less: 1 - t^(-2/3) at update t, until that is more than `decay`.
struct AverageOptions {
    double decay = 0.9998;
    bool warms_up = false;
};

class WeightAverage {
  public:
    // With `shards`, which must outlive this object, each rank averages its own part of the values.
    WeightAverage(const Parameters& parameters, const AverageOptions& options, const Shards* shards = nullptr);

    // Takes the parameters' values and buffers in, as they are after an optimiser's step.
    void update();
    // `update` in a step captured on a GPU, unless `control` says that steps are halted.
    void update_by(const cuda::StepControl* control);

    int64_t updates() const;                            // so far; waits for a GPU
    const Tensor& values() const { return values_; }    // as Parameters::values()
    const Tensor& buffers() const { return buffers_; }  // as Parameters::buffers()
    const Tensor& count() const { return count_; }      // [1] int64, what updates() reads
    const Parameters& parameters() const { return parameters_; }
    const Shards* shards() const { return shards_; }
    RankPart own() const { return shards_ ? shards_->own() : RankPart{0, values_.numel()}; }  // of values()

  private:
    Parameters parameters_;  // handles on the same memory
    cuda::AverageNumbers numbers_;
    const Shards* shards_;
    Tensor values_, buffers_, count_;
};

// While it lives, the averaged weights are in the place of the trained ones, whose memory it keeps: for validating and
// saving, not for training. Without an average, or before its first update, it does nothing. With shards all ranks make
// one, and are sent the weights that the model computes with; float32 values that have copies stay where they are.
class AveragedInPlace {
  public:
    explicit AveragedInPlace(const WeightAverage* average);
    ~AveragedInPlace();
    AveragedInPlace(const AveragedInPlace&) = delete;
    AveragedInPlace& operator=(const AveragedInPlace&) = delete;

  private:
    const WeightAverage* average_;
    RankPart of_others_;                                   // of the values, what may be written by what others send
    Tensor values_, values_of_others_, buffers_, copies_;  // as trained
};

// An optimiser that also averages after each of its steps. Its state has "ema" and "ema_buffers" besides, and
// "ema_step", how many updates went into them. Throws an Error unless decay is in [0, 1).
std::unique_ptr<DeviceOptimiser> make_averaging(std::unique_ptr<DeviceOptimiser> optimiser,
                                                const Parameters& parameters, const AverageOptions& options,
                                                const Shards* shards = nullptr);

}  // namespace swingrad
