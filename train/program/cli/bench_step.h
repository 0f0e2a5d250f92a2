// A training step on random images that lie in memory, for the commands that measure one.
#pragma once

#include "core/threads.h"
#include "models/swin/swin_v2.h"
#include "ops/ops.h"
#include "train/data/random_batch.h"
#include "train/loop/device_steps.h"
#include "train/loop/loss.h"
#include "train/loop/step_profile.h"
#include "train/optim/optimiser.h"

#include <memory>
#include <optional>

namespace swingrad {

// Everything that a training step, or a forward pass, needs; each call takes one. `parts`: micro-batches.
class BenchStep {
  public:
    BenchStep(const SwinConfig& config, DType dtype, Device device, int64_t batch_size, int64_t parts, bool inference)
        : model_(config),
          parameters_(model_, dtype, Random{}, device, inference ? Gradients::no : Gradients::yes),
          inference_(inference),
          parts_(parts) {
        if (inference_) kept_.emplace(std::vector<Tensor>{parameters_.values(), parameters_.copies()});
        const auto [images, labels] = random_batch(config, batch_size);
        batch_ = {model_.as_input(images), labels.on(device)};
        if (inference_) return;
        optimiser_ = make_adamw(parameters_, {.weight_decay = 0.05});
        clipping_.emplace(parameters_, ClipMode::norm, 0);
        if (parts_ > 1) mean_gradient_.emplace(parameters_);
        if (device != Device::cpu)
            on_device_.emplace(model_, parameters_, *optimiser_, *clipping_,
                               mean_gradient_ ? &*mean_gradient_ : nullptr, loss_);
    }

    int64_t parameters() const { return parameters_.count(); }

    void operator()(StepProfile* profile = nullptr) {
        if (inference_) {
            const NoGrad no_recording;
            model_.forward(batch_.inputs);
            return;
        }
        const Random random = Random{0, 3}.split(number_++);
        if (on_device_) {
            if (on_device_->full()) on_device_->read();
            on_device_->take([&](int64_t i) { return part(i); }, random,
                             [&](int64_t) {
                                 return DeviceSteps::Numbers{learning_rate, parts_};
                             });
            return;
        }
        parameters_.zero_grad();
        model_.train(random);
        const auto pass = [&](int64_t i) {
            const auto [images, labels] = part(i);
            Tape tape;
            if (profile) profile->watch(tape);
            tape.backward(loss_(model_.forward(images), labels));
        };
        if (mean_gradient_) {
            mean_gradient_->begin(parts_);
            mean_gradient_->add(0, parts_, !profile && worth_a_thread_each(parts_, thread_count()), [&](int64_t i) {
                const MicroBatch number(i);
                pass(i);
            });
            mean_gradient_->finish(parts_);
        } else {
            pass(0);
        }
        optimiser_->step(learning_rate);
    }

  private:
    Batch part(int64_t i) const {
        const int64_t samples = batch_.inputs.shape()[0] / parts_;
        return {batch_.inputs.slice(i * samples, (i + 1) * samples),
                batch_.targets.slice(i * samples, (i + 1) * samples)};
    }

    static constexpr double learning_rate = 1e-3;
    SwinV2 model_;
    Parameters parameters_;
    std::unique_ptr<DeviceOptimiser> optimiser_;
    const Loss loss_ = classification_loss();
    Batch batch_;
    std::optional<Clipping> clipping_;
    std::optional<MeanGradient> mean_gradient_;
    std::optional<DeviceSteps> on_device_;
    bool inference_;
    int64_t parts_;
    std::optional<KeptWeights> kept_;
    uint64_t number_ = 0;
};

}  // namespace swingrad
