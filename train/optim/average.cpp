// The moving average of weights, with the numbers of timm's ModelEmaV3. t counts updates from 1, w are the weights
// after update t, e is their average:
//
//   d_1 = 0                                      the average begins as the first weights that were trained
//   d_t = decay                                  or, with warm-up,  min(decay, 1 - t^(-2/3))
//   e <- d_t e + (1 - d_t) w  =  e + (1 - d_t) (w - e)
//
// Unrolled, weights of s updates ago count decay^s (1 - decay): the average reaches back over about 1 / (1 - decay)
// updates, 5000 for 0.9998. A run that has not many times as many would average in how it began; the warm-up lets the
// reach grow with t instead. 1 - t^(-2/3) is timm's 1 - (1 + s)^(-2/3) with s = t - 1 updates before this one: what is
// kept of s updates falls off as a power of their age.
// Buffers (running statistics of batch norm) are averaged like weights, as timm does by default.
// Numerics: e + take (w - e) loses nothing of e where take is small; the take itself is worked out in double. In mixed
// precision the float32 weights are averaged, never the bfloat16 copies, whose eight bits could not move by 0.0002.
// Source: Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 1992; the
// warm-up is K. Crowson's. The arithmetic itself is in cuda/optim/average.h, for the GPU too. Test:
// tests/train/optim/test_average.cpp.

#include "train/optim/average.h"

#include "core/threads.h"
#include "train/optim/flat_table.h"

namespace swingrad {
namespace {

template <class T>
void update_on_cpu(T take, const Tensor& of, const Tensor& average) {
    const T* w = of.data<T>();
    T* e = average.data<T>();
    parallel_chunks(of.numel(), 1 << 14, [&](int64_t begin, int64_t end) {
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) cuda::average_update(take, w[i], e[i]);
    });
}

class Averaging final : public DeviceOptimiser {
  public:
    Averaging(std::unique_ptr<DeviceOptimiser> optimiser, const Parameters& parameters, const AverageOptions& options,
              const Shards* shards)
        : optimiser_(std::move(optimiser)), average_(parameters, options, shards) {}

    void step(double learning_rate) override {
        optimiser_->step(learning_rate);
        average_.update();
        ++steps_;
    }
    void step_by(const cuda::StepControl* control) override {
        optimiser_->step_by(control);
        average_.update_by(control);
    }
    std::vector<std::pair<std::string, Tensor>> state() const override {
        auto all = optimiser_->state();
        all.emplace_back(state_of_average, average_.values());
        all.emplace_back(state_of_averaged_buffers, average_.buffers());
        all.emplace_back(state_of_average_count, average_.count());
        return all;
    }
    const WeightAverage* average() const override { return &average_; }

  private:
    const std::unique_ptr<DeviceOptimiser> optimiser_;
    WeightAverage average_;
};

}  // namespace

WeightAverage::WeightAverage(const Parameters& parameters, const AverageOptions& options, const Shards* shards)
    : parameters_(parameters),
      numbers_{options.decay, options.warms_up ? 1 : 0},
      shards_(shards),
      values_(parameters.values().clone()),
      buffers_(parameters.buffers().clone()),
      count_(Tensor::zeros({1}, DType::int64, parameters.device())) {
    check(options.decay >= 0 && options.decay < 1, "[average] decay must be in [0, 1), got {}", options.decay);
}

void WeightAverage::update() {
    if (parameters_.device() == Device::cuda) return update_by(control_of(0).data());
    const double take = 1 - cuda::average_decay(numbers_, ++*count_.data<int64_t>());
    dispatch_float("average", values_.dtype(), [&]<class T>(T) {
        update_on_cpu(static_cast<T>(take), own().of(parameters_.values()), own().of(values_));
        update_on_cpu(static_cast<T>(take), parameters_.buffers(), buffers_);
    });
}

void WeightAverage::update_by(const cuda::StepControl* control) {
    dispatch_float("average", values_.dtype(), [&]<class T>(T) {
        cuda::average_step(numbers_, control, count_.device_data<int64_t>(), values_.numel(),
                           parameters_.values().device_data<T>(), values_.device_data<T>(), buffers_.numel(),
                           parameters_.buffers().device_data<T>(), buffers_.device_data<T>());
    });
}

int64_t WeightAverage::updates() const { return *count_.on_cpu().data<int64_t>(); }

AveragedInPlace::AveragedInPlace(const WeightAverage* average)
    : average_(average && average->updates() > 0 ? average : nullptr) {
    if (!average_) return;
    const Parameters& parameters = average_->parameters();
    const RankPart own = average_->own();
    const Tensor from = own.of(average_->values());
    const bool copied = parameters.copies().defined();
    // What others send comes into the copies, or, where an entry has none, into the values before those that have one.
    of_others_ = average_->shards() ? RankPart{0, copied ? parameters.gradients().numel() : parameters.values().numel()}
                                    : RankPart{};
    values_ = own.of(parameters.values()).clone();
    values_of_others_ = of_others_.of(parameters.values()).clone();
    buffers_ = parameters.buffers().clone();
    const Tensor copies = copied ? from.to(parameters.copies().dtype()) : Tensor();
    if (copied) copies_ = parameters.copies().clone();
    // All memory is there: from here on nothing fails but what others do, nor does the way back.
    own.of(parameters.values()).copy_from(from);
    parameters.buffers().copy_from(average_->buffers());
    if (copied) own.of(parameters.copies()).copy_from(copies);
    if (average_->shards()) average_->shards()->gather_weights();
}

AveragedInPlace::~AveragedInPlace() {
    if (!average_) return;
    const Parameters& parameters = average_->parameters();
    try {
        of_others_.of(parameters.values()).copy_from(values_of_others_);
        average_->own().of(parameters.values()).copy_from(values_);
        parameters.buffers().copy_from(buffers_);
        if (copies_.defined()) parameters.copies().copy_from(copies_);
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a GPU that copies no more trains no more
    }
}

std::unique_ptr<DeviceOptimiser> make_averaging(std::unique_ptr<DeviceOptimiser> optimiser,
                                                const Parameters& parameters, const AverageOptions& options,
                                                const Shards* shards) {
    return std::make_unique<Averaging>(std::move(optimiser), parameters, options, shards);
}

}  // namespace swingrad
