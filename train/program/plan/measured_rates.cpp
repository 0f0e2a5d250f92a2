#include "train/program/plan/measured_rates.h"

#include "models/nn/parameters.h"
#include "models/swin/swin_v2.h"
#include "ops/ops.h"
#include "train/data/random_batch.h"
#include "train/optim/optimiser.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace swingrad {
namespace {

// Of a few calls after the first; the shortest, which least else has disturbed.
double seconds_of(const std::function<void()>& work) {
    using Clock = std::chrono::steady_clock;
    constexpr int calls = 5;
    constexpr double enough = 5;  // seconds in all
    work();
    double least = 0, sum = 0;
    for (int i = 0; i < calls && sum < enough; ++i) {
        const auto start = Clock::now();
        work();
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        least = i == 0 ? seconds : std::min(least, seconds);
        sum += seconds;
    }
    return least;
}

}  // namespace

MeasuredRates measured_rates(const SwinConfig& config, DType dtype, int64_t images) {
    SwinV2 model(config);
    const Parameters parameters(model, dtype, Random{});
    const RandomBatch batch = random_batch(config, images);
    const Tensor inputs = model.as_input(batch.images);
    model.train(Random{0, 3});
    double pass = 0;
    {
        const KeptWeights kept = parameters.keep();  // as between the micro-batches of a step
        pass = seconds_of([&] {
            parameters.zero_grad();
            Tape tape;
            tape.backward(cross_entropy(model.forward(inputs), batch.labels));
        });
    }
    const auto optimiser = make_adamw(parameters, {.weight_decay = 0.05});
    const double update = seconds_of([&] { optimiser->step(1e-3); });
    const double flops = pass_memory(config, dtype, images, PlannedOn::cpu, 1, true).flops;
    return {flops / pass, 28 * static_cast<double>(parameters.values().numel()) / update};
}

}  // namespace swingrad
