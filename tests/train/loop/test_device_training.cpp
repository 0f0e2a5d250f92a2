// Training by kernels against training by loops, in mixed precision, and what makes it safe to stop at any moment.

#include "core/threads.h"
#include "cuda/runtime/runtime.h"
#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/loop/checkpoint.h"
#include "train/loop/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// On whichever device this build computes.
SwinRecipe device_recipe(const std::string& precision = "f32") {
    SwinRecipe recipe = small_recipe();
    recipe.device = cuda::emulated() ? "emulated" : "cuda";
    recipe.precision = precision;
    return recipe;
}

std::vector<double> losses_of(const SwinRecipe& recipe, const Dataset& data, int steps,
                              const SwinConfig& config = small_config()) {
    SwinTrainer trainer(recipe, config, data, plain);
    std::vector<double> losses;
    for (int step = 0; step < steps; ++step) {
        trainer.step();
        trainer.settle();
        losses.push_back(trainer.last_loss());
        if (trainer.epoch_done()) trainer.begin_next_epoch();
    }
    return losses;
}

Tensor trained(const SwinRecipe& recipe, const Dataset& data, bool settling = false) {
    SwinTrainer trainer(recipe, small_config(), data, plain);
    while (!trainer.finished()) {
        advance(trainer);
        if (settling) trainer.settle();
    }
    return trainer.parameters().values().on_cpu();
}

void write_first_value(const Trainer& trainer, float value) {
    const Tensor& values = trainer.parameters().values();
    memory_of(values.device()).copy_from_host(values.address(), &value, sizeof value);
}
float first_value(const Trainer& trainer) {
    return static_cast<float>(trainer.parameters().values().subrange(0, {}).item());
}

// What is said of an epoch's steps while its parameters hold a NaN from step `first` to step `last`.
std::vector<std::string> said_of_poisoned(SwinRecipe recipe, const Dataset& data, int first, int last) {
    recipe.on_nan = "skip";
    SwinTrainer trainer(recipe, small_config(), data, plain);
    std::vector<std::string> said;
    float whole = 0;
    // Whatever is said comes while the poison is there: the step after the last bad one finds it taken away.
    trainer.on_skip = [&](const std::string& why) {
        said.push_back(why);
        if (trainer.state().batch + 1 == last) write_first_value(trainer, whole);
    };
    for (int step = 1; step < first; ++step) trainer.step();
    trainer.settle();
    whole = first_value(trainer);
    write_first_value(trainer, std::numeric_limits<float>::quiet_NaN());
    while (!trainer.epoch_done()) trainer.step();
    said.push_back(fmt::format("{} skipped, loss {:.4f}, norm {:.3f}, accuracy {:.3f}", trainer.state().skipped,
                               trainer.mean_loss(), trainer.mean_gradient_norm(), trainer.accuracy()));
    return said;
}

}  // namespace

TEST_CASE("twenty steps by kernels give the losses of the loops") {
    const Dataset data = coloured_noise(64);
    for (const std::string opt : {"adamw", "sgd"}) {
        SwinRecipe here = small_recipe(), there = device_recipe();
        here.opt = there.opt = opt;
        here.clip_grad = there.clip_grad = 1;
        const auto a = losses_of(here, data, 20), b = losses_of(there, data, 20);
        for (size_t step = 0; step < a.size(); ++step) {
            INFO(opt << " step " << step);
            REQUIRE(b[step] == Approx(a[step]).epsilon(1e-4));
        }
    }
}

TEST_CASE("steps with dropout are captured, and each draws what it draws on the CPU") {
    const Dataset data = coloured_noise(32);
    SwinConfig config = small_config();
    config.drop_path_rate = 0;
    for (const auto& [head, projections] : {std::pair(0.4, 0.0), std::pair(0.0, 0.3)}) {
        config.drop_rate = head;
        config.proj_drop_rate = projections;
        REQUIRE_FALSE(SwinV2(config).draws_in_forward());
        const auto a = losses_of(small_recipe(), data, 6, config), b = losses_of(device_recipe(), data, 6, config);
        for (size_t step = 0; step < a.size(); ++step) {
            INFO("rates " << head << " and " << projections << ", step " << step);
            REQUIRE(b[step] == Approx(a[step]).epsilon(1e-4));
        }
    }
}

TEST_CASE("mixed precision learns what float32 learns") {
    const Dataset data = coloured_noise(48);
    SwinRecipe recipe = device_recipe("bf16");
    if (GENERATE(true, false)) recipe.device = "cpu";
    INFO(recipe.device);
    SwinTrainer trainer(recipe, small_config(), data, plain);
    const Evaluation before = evaluate(trainer.model(), trainer.parameters(), ImageSamples(data, plain), 10);
    while (!trainer.finished()) advance(trainer);
    const Evaluation after = evaluate(trainer.model(), trainer.parameters(), ImageSamples(data, plain), 10);
    REQUIRE(before.loss > 0.9);
    REQUIRE(after.loss < 0.7 * before.loss);
    REQUIRE(trainer.parameters().entries()[0].leaf.dtype() == DType::bfloat16);
}

TEST_CASE("mixed precision on the CPU gives the same weights on any number of threads") {
    const Dataset data = coloured_noise(26);
    SwinRecipe recipe = device_recipe("bf16");
    recipe.device = "cpu";
    const int before = thread_count();
    std::vector<Tensor> weights;
    for (const int threads : {1, 2, 3}) {
        set_thread_count(threads);
        weights.push_back(trained(recipe, data));
    }
    set_thread_count(before);
    REQUIRE(same_bits(weights[0], weights[1]));
    REQUIRE(same_bits(weights[0], weights[2]));
}

TEST_CASE("on a device a seed gives the same weights whenever the host looks and in whatever order threads run") {
    const Dataset data = coloured_noise(26);  // 3 batches an epoch
    for (const std::string precision : {"f32", "bf16"}) {
        const Tensor once = trained(device_recipe(precision), data);
        REQUIRE(same_bits(once, trained(device_recipe(precision), data, true)));
        const uint32_t before = cuda::permute_threads(3);
        const Tensor permuted = trained(device_recipe(precision), data);
        cuda::permute_threads(before);
        REQUIRE(same_bits(once, permuted));
    }
}

TEST_CASE("a run continued from a checkpoint ends with the weights of one that never stopped, on a device and mixed") {
    const Dataset data = coloured_noise(26);
    const TemporaryDirectory directory;
    SwinRecipe mixed_on_cpu = device_recipe("bf16");
    mixed_on_cpu.device = "cpu";
    for (SwinRecipe recipe : {device_recipe("f32"), device_recipe("bf16"), mixed_on_cpu}) {
        recipe.clip_grad = 1;
        const Tensor uninterrupted = trained(recipe, data);
        for (const int stop : {1, 3, 5}) {
            INFO(recipe.device << ' ' << recipe.precision << " stopped after step " << stop);
            {
                SwinTrainer first(recipe, small_config(), data, plain);
                for (int step = 0; step < stop; ++step) advance(first);
                first.save(directory / "last.safetensors");
                first.step();
            }
            SwinTrainer second(recipe, small_config(), data, plain);
            second.load(directory / "last.safetensors");
            REQUIRE(second.steps_done() == stop);
            while (!second.finished()) advance(second);
            REQUIRE(same_bits(second.parameters().values(), uninterrupted));
        }
    }
}

TEST_CASE("steps left out on a device are named, counted and followed as on the CPU") {
    const Dataset data = coloured_noise(50);  // 6 batches an epoch
    const auto here = said_of_poisoned(small_recipe(), data, 3, 4),
               there = said_of_poisoned(device_recipe(), data, 3, 4);
    REQUIRE(here.size() == 3);
    REQUIRE(here[0].find("the loss of step 3 is nan; first at [patch_embedding] node 0 of patch_embed") == 0);
    REQUIRE(there == here);
}

TEST_CASE("on a device a loss that is not finite stops training at its step, with the parameters as they were") {
    const Dataset data = coloured_noise(50);
    SwinTrainer trainer(device_recipe(), small_config(), data, plain);
    trainer.step();
    trainer.settle();
    write_first_value(trainer, std::numeric_limits<float>::quiet_NaN());
    const Tensor before = trainer.parameters().values().clone();
    const std::string message = error_of([&] {
        while (!trainer.epoch_done()) trainer.step();
    });
    INFO(message);
    REQUIRE(message.find("[train] the loss of step 2 is nan; first at [patch_embedding] node 0") == 0);
    REQUIRE(same_bits(before, trainer.parameters().values()));
}

TEST_CASE("weights move between devices and precisions") {
    const Dataset data = coloured_noise(26);
    const TemporaryDirectory directory;
    SwinTrainer mixed(device_recipe("bf16"), small_config(), data, plain);
    while (!mixed.epoch_done()) mixed.step();
    save_weights(directory / "mixed.safetensors", mixed.parameters());
    SwinTrainer here(small_recipe(), small_config(), data, plain);
    load_weights(directory / "mixed.safetensors", here.parameters());
    REQUIRE(same_bits(here.parameters().values(), mixed.parameters().values()));
    SwinTrainer again(device_recipe("bf16"), small_config(), data, plain);
    load_weights(directory / "mixed.safetensors", again.parameters());
    for (size_t i = 0; i < mixed.parameters().entries().size(); ++i)
        REQUIRE(same_bits(again.parameters().entries()[i].leaf, mixed.parameters().entries()[i].leaf));
    const Evaluation a = evaluate(here.model(), here.parameters(), ImageSamples(data, plain), 10),
                     b = evaluate(mixed.model(), mixed.parameters(), ImageSamples(data, plain), 10);
    REQUIRE(b.loss == Approx(a.loss).epsilon(0.02));
}

TEST_CASE("a device sees the batches that the CPU sees") {
    const Dataset data = coloured_noise(7);
    const ImageSamples samples(data, plain);
    const std::vector<int64_t> order{6, 5, 4, 3, 2, 1, 0};
    Loader here = batches_of(samples, order, 3, false, std::nullopt, Device::cpu);
    Loader there = batches_of(samples, order, 3, false, std::nullopt, Device::cuda);
    for (int i = 0; i < 3; ++i) {
        const auto a = here.next(), b = there.next();
        REQUIRE(b->inputs.device() == Device::cuda);
        REQUIRE(same_bits(a->inputs, b->inputs));
        REQUIRE(same_bits(a->targets, b->targets));
    }
    REQUIRE_FALSE(there.next().has_value());
}
