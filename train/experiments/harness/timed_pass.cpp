#include "train/experiments/harness/timed_pass.h"

#include "ops/ops.h"
#include "train/data/random_batch.h"
#include "train/loop/device.h"

#include <algorithm>
#include <chrono>

namespace swingrad {

TimedPass::TimedPass(const SwinConfig& config, int64_t images, const ExperimentSettings& settings)
    : device_(choose_device(settings.device)),
      model_(config),
      parameters_(model_, dtype_of_precision(settings.precision), Random{1, 1}, device_) {
    const RandomBatch batch = random_batch(config, images);
    images_ = model_.as_input(batch.images);
    labels_ = batch.labels.on(device_);
}

double TimedPass::take() {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    parameters_.zero_grad();
    {
        Tape tape;
        tape.backward(cross_entropy(model_.forward(images_), labels_));
    }
    memory_of(device_).synchronise();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace swingrad
