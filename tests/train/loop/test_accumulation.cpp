// Steps of several batches: the gradient of one large batch, by loops and by kernels, an epoch's last step, resuming.
#include "core/threads.h"
#include "cuda/optim/training_step.h"
#include "cuda/runtime/runtime.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/long_model.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

SwinRecipe recipe_of(int64_t batch_size, int64_t steps, Device device = Device::cpu,
                     const std::string& precision = "f64") {
    SwinRecipe recipe = small_recipe();
    recipe.batch_size = batch_size;
    recipe.grad_accum_steps = steps;
    recipe.precision = precision;
    if (device == Device::cuda) recipe.device = cuda::emulated() ? "emulated" : "cuda";
    return recipe;
}

struct Seen {
    std::vector<double> losses;  // of each step
    double mean_loss = 0, accuracy = 0, norm = 0;
    Tensor values;
};

// An epoch and a step.
Seen seen_of(const SwinRecipe& recipe, const Dataset& data, double drop_path = 0.1) {
    SwinConfig config = small_config();
    config.drop_path_rate = drop_path;
    SwinTrainer trainer(recipe, config, data, plain);
    Seen seen;
    while (!trainer.epoch_done()) {
        trainer.step();
        trainer.settle();
        seen.losses.push_back(trainer.last_loss());
    }
    seen.mean_loss = trainer.mean_loss();
    seen.accuracy = trainer.accuracy();
    seen.norm = trainer.mean_gradient_norm();
    trainer.begin_next_epoch();
    trainer.step();
    trainer.settle();
    seen.values = trainer.parameters().values().on_cpu();
    return seen;
}

}  // namespace

TEST_CASE("a step of several batches is a step of one large batch") {
    const Dataset data = coloured_noise(48);
    for (const Device device : {Device::cpu, Device::cuda}) {
        const Seen large = seen_of(recipe_of(16, 1, device), data, 0);
        for (const int64_t steps : {2, 4}) {
            INFO(steps << " batches a step");
            const Seen small = seen_of(recipe_of(16 / steps, steps, device), data, 0);
            REQUIRE(small.losses.size() == large.losses.size());
            for (size_t i = 0; i < small.losses.size(); ++i)
                REQUIRE(small.losses[i] == Approx(large.losses[i]).epsilon(1e-9));
            REQUIRE(small.mean_loss == Approx(large.mean_loss).epsilon(1e-9));
            REQUIRE(small.accuracy == large.accuracy);
            REQUIRE(small.norm == Approx(large.norm).epsilon(1e-7));
            REQUIRE(largest_difference(small.values, large.values) < 1e-6);
        }
    }
}

TEST_CASE("an epoch's last step takes the batches that are left, by loops and by kernels alike") {
    const Dataset data = coloured_noise(44);  // five batches of 8, and 4 images left out
    const Seen here = seen_of(recipe_of(8, 2), data), there = seen_of(recipe_of(8, 2, Device::cuda), data);
    for (const Seen& seen : {here, there}) {
        REQUIRE(seen.losses.size() == 3);
        REQUIRE(seen.mean_loss ==
                Approx((2 * seen.losses[0] + 2 * seen.losses[1] + seen.losses[2]) / 5).epsilon(1e-12));
        const double correct = seen.accuracy / 100 * 40;
        REQUIRE(correct == Approx(std::round(correct)).margin(1e-9));
    }
    for (size_t i = 0; i < 3; ++i) REQUIRE(there.losses[i] == Approx(here.losses[i]).epsilon(1e-6));
    REQUIRE(there.accuracy == here.accuracy);
    REQUIRE(largest_difference(there.values, here.values) < 1e-4);
    Recipe recipe = recipe_of(8, 2);
    REQUIRE(steps_of_epoch(recipe, 44) == 3);
    recipe.grad_accum_steps = 100;
    REQUIRE(steps_of_epoch(recipe, 44) == 1);
}

TEST_CASE("the mean of bfloat16 gradients is summed in float32 and rounded once, by loops and by kernels") {
    for (const Device device : {Device::cpu, Device::cuda}) {
        Long model;
        const Parameters parameters(model, DType::bfloat16, Random{3, 0}, device);
        MeanGradient mean(parameters);
        FlatTable table(parameters);
        const Tensor loss = Tensor::from({1}, std::vector<float>{3}).on(device);
        cuda::StepControl numbers;
        numbers.batches[0] = 5;
        std::vector<double> ours;
        std::vector<std::vector<float>> received(5);
        for (int time = 0; time < 2; ++time) {  // what was added before is forgotten
            mean.begin(5);
            for (uint64_t batch = 0; batch < 5; ++batch) {
                receive_random(parameters, batch);
                received[batch].clear();
                for (const double one : gradient(model.a.value).values())
                    received[batch].push_back(static_cast<float>(one));
                if (device == Device::cpu) {
                    mean.add(static_cast<int64_t>(batch), 1, false,
                             [&](int64_t number) { receive_random(parameters, static_cast<uint64_t>(number)); });
                } else {
                    mean.land(table.current(), loss);
                    mean.add_landed(static_cast<int64_t>(batch));
                    for (const double one : gradient(model.a.value).values()) REQUIRE(one == 0);
                }
            }
            parameters.zero_grad();
            if (device == Device::cpu) {
                mean.finish(5);
            } else {
                receive_random(parameters, 0);  // which parameters receive anything, the host knows
                mean.sum_landed(5);
                const DeviceStepControl control;
                control.write(numbers);
                REQUIRE(mean.finish_by(table.current(), control.data()).item() == 3);
            }
            ours = gradient(model.a.value).values();
        }
        REQUIRE(parameters.without_gradient() == std::vector<std::string>{"idle"});
        for (size_t i = 0; i < ours.size(); ++i) {
            const auto of = [&](size_t batch) { return received[batch][i]; };
            const float sum = ((of(0) + of(1)) + (of(2) + of(3))) + of(4);
            REQUIRE(ours[i] == static_cast<float>(bfloat16(sum / 5.0f)));
        }
    }
}

TEST_CASE("a checkpoint says in how many parts batches were computed, also where that was left to be chosen") {
    const Dataset data = coloured_noise(44);
    const TemporaryDirectory directory;
    SwinRecipe recipe = recipe_of(32, 1);
    SwinTrainer trainer(recipe, small_config(), data, plain);
    trainer.save(directory / "last.safetensors");
    recipe.micro_batches = 2;  // as a batch of 32 is by itself
    SwinTrainer(recipe, small_config(), data, plain).load(directory / "last.safetensors");
    recipe.micro_batches = 1;
    SwinTrainer other(recipe, small_config(), data, plain);
    REQUIRE(error_of([&] { other.load(directory / "last.safetensors"); }).find("made with micro-batches 2, but") !=
            std::string::npos);
}

TEST_CASE("steps of several batches have the same bits on any number of threads, and after an interruption") {
    const Dataset data = coloured_noise(44);
    const TemporaryDirectory directory;
    for (const Device device : {Device::cpu, Device::cuda})
        for (const std::string precision : {"f32", "bf16"}) {
            const SwinRecipe recipe = recipe_of(8, 2, device, precision);
            const int before = thread_count();
            std::vector<Tensor> weights;
            for (const int threads : {1, 3}) {
                set_thread_count(threads);
                SwinTrainer trainer(recipe, small_config(), data, plain);
                while (!trainer.finished()) advance(trainer);
                weights.push_back(trainer.parameters().values().on_cpu());
            }
            set_thread_count(before);
            REQUIRE(same_bits(weights[0], weights[1]));
            for (const int stop : {1, 5}) {
                const auto file = directory.path() / "c.safetensors";
                {
                    SwinTrainer first(recipe, small_config(), data, plain);
                    for (int step = 0; step < stop; ++step) advance(first);
                    first.save(file);
                    advance(first);
                }
                SwinTrainer second(recipe, small_config(), data, plain);
                second.load(file);
                REQUIRE(second.steps_done() == stop);
                while (!second.finished()) advance(second);
                REQUIRE(same_bits(second.parameters().values().on_cpu(), weights[0]));
            }
        }
}

TEST_CASE("a step of which one batch is not finite is left out whole") {
    const Dataset data = coloured_noise(44);
    SwinRecipe recipe = recipe_of(8, 2, Device::cpu, "f32");
    recipe.on_nan = "skip";
    SwinV2 model(small_config());
    const ImageSamples samples(data, plain, augmentation_of(recipe, plain, false));
    int64_t calls = 0;
    std::vector<std::vector<double>> seen;  // targets of each call
    const Loss loss = [&](const Tensor& output, const Tensor& targets) {
        seen.push_back(targets.values());
        const Tensor sound = classification_loss()(output, targets);
        return ++calls == 4 || calls == 5 ? affine(sound, std::numeric_limits<double>::infinity(), 0) : sound;
    };
    Trainer trainer(recipe, model, samples, loss);
    std::vector<std::string> said;
    trainer.on_skip = [&](const std::string& why) { said.push_back(why); };
    trainer.step();
    const Tensor values = trainer.parameters().values().clone();
    trainer.step();
    REQUIRE(said.size() == 1);
    REQUIRE(said[0].starts_with("the loss of step 2 is inf"));
    REQUIRE(same_bits(trainer.parameters().values(), values));
    REQUIRE(trainer.state().skipped == 1);
    trainer.step();
    REQUIRE(trainer.epoch_done());
    REQUIRE_FALSE(same_bits(trainer.parameters().values(), values));
    {  // what was left out is not taken again, nor what comes after it left out
        std::vector<std::vector<double>> sound;
        SwinV2 other(small_config());
        Trainer whole(recipe, other, samples, [&](const Tensor& output, const Tensor& targets) {
            sound.push_back(targets.values());
            return classification_loss()(output, targets);
        });
        while (!whole.epoch_done()) whole.step();
        REQUIRE(sound.size() == 5);
        REQUIRE(sound[4] != sound[3]);
        REQUIRE(seen.back() == sound[4]);
    }
    const double correct = trainer.accuracy() / 100 * 24;  // of three batches
    REQUIRE(correct == Approx(std::round(correct)).margin(1e-9));
}
