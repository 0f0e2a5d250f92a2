// What a recipe asks of optimisation, in a training: averaged weights, clipping, layers' rates, Muon; and what is
// refused.
#include "core/io/safetensors.h"
#include "cuda/runtime/runtime.h"
#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/toy_model.h"
#include "train/loop/checkpoint.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

SwinRecipe recipe_on(Device device, const std::string& precision = "f32") {
    SwinRecipe recipe = small_recipe();
    recipe.precision = precision;
    if (device == Device::cuda) recipe.device = cuda::emulated() ? "emulated" : "cuda";
    return recipe;
}

void write_first_value(const Trainer& trainer, float value) {
    const Tensor& values = trainer.parameters().values();
    memory_of(values.device()).copy_from_host(values.address(), &value, sizeof value);
}

// Everything at once.
SwinRecipe full_recipe(Device device, const std::string& precision) {
    SwinRecipe recipe = recipe_on(device, precision);
    recipe.opt = "muon";
    recipe.sched = "onecycle";
    recipe.warmup_lr = 1e-4;
    recipe.clip_mode = "agc";
    recipe.clip_grad = 0.05;
    recipe.layer_decay = 0.75;
    recipe.grad_accum_steps = 2;
    recipe.model_ema = recipe.model_ema_warmup = true;
    recipe.model_ema_decay = 0.9;
    return recipe;
}

std::string refused(const nlohmann::json& settings) {
    return error_of([&] {
        SwinRecipe recipe;
        update(recipe, settings, "f.json");
        validate(recipe);
    });
}

}  // namespace

TEST_CASE("averaging weights changes no weight that is trained, and averages each step's") {
    const Dataset data = coloured_noise(26);
    for (const Device device : {Device::cpu, Device::cuda})
        for (const std::string precision : {"f32", "f64", "bf16"}) {
            SwinRecipe recipe = recipe_on(device, precision);
            SwinTrainer without(recipe, small_config(), data, plain);
            recipe.model_ema = true;
            recipe.model_ema_decay = 0.75;
            SwinTrainer with(recipe, small_config(), data, plain);
            std::vector<double> expected;
            for (int step = 0; step < 5; ++step) {
                advance(without);
                advance(with);
                without.settle();
                with.settle();
                const auto now = without.parameters().values().values();
                if (step == 0) expected = now;
                for (size_t i = 0; i < now.size(); ++i) expected[i] += 0.25 * (now[i] - expected[i]);
            }
            REQUIRE(same_bits(with.parameters().values(), without.parameters().values()));
            const Tensor trained = with.parameters().values().clone();
            {
                const AveragedInPlace averaged = with.averaged_in_place();
                const auto seen = with.parameters().values().values();
                for (size_t i = 0; i < seen.size(); ++i) REQUIRE(seen[i] == Approx(expected[i]).margin(1e-6));
                const AveragedInPlace none = without.averaged_in_place();
                REQUIRE(same_bits(without.parameters().values(), trained));
            }
            REQUIRE(same_bits(with.parameters().values(), trained));
        }
}

TEST_CASE("a run with every setting of optimisation goes on from any checkpoint with the same bits, average included") {
    const Dataset data = coloured_noise(44);
    const TemporaryDirectory directory;
    const auto file = directory.path() / "c.safetensors";
    for (const Device device : {Device::cpu, Device::cuda})
        for (const std::string precision : {"f32", "bf16"}) {
            const SwinRecipe recipe = full_recipe(device, precision);
            SwinTrainer whole(recipe, small_config(), data, plain);
            while (!whole.finished()) advance(whole);
            const Tensor trained = whole.parameters().values().clone();
            const AveragedInPlace of_whole = whole.averaged_in_place();
            REQUIRE_FALSE(same_bits(whole.parameters().values(), trained));
            for (const int stop : precision == "f32" ? std::vector<int>{1, 5} : std::vector<int>{4}) {
                {
                    SwinTrainer first(recipe, small_config(), data, plain);
                    for (int step = 0; step < stop; ++step) advance(first);
                    first.save(file);
                    advance(first);
                }
                SwinTrainer second(recipe, small_config(), data, plain);
                second.load(file);
                while (!second.finished()) advance(second);
                REQUIRE(same_bits(second.parameters().values(), trained));
                const AveragedInPlace averaged = second.averaged_in_place();
                REQUIRE(same_bits(second.parameters().values(), whole.parameters().values()));
            }
        }
}

TEST_CASE("training by kernels with every setting of optimisation follows the loops") {
    const Dataset data = coloured_noise(44);
    for (const std::string clip : {"norm", "value", "agc"}) {
        SwinRecipe here = full_recipe(Device::cpu, "f64"), there = full_recipe(Device::cuda, "f64");
        here.clip_mode = there.clip_mode = clip;
        SwinTrainer a(here, small_config(), data, plain), b(there, small_config(), data, plain);
        for (int step = 0; step < 6; ++step) {
            INFO(clip << ", step " << step);
            a.step();
            b.step();
            b.settle();
            REQUIRE(b.last_loss() == Approx(a.last_loss()).epsilon(1e-6));
            for (Trainer* trainer : {static_cast<Trainer*>(&a), static_cast<Trainer*>(&b)})
                if (trainer->epoch_done()) trainer->begin_next_epoch();
        }
        const AveragedInPlace first = a.averaged_in_place(), second = b.averaged_in_place();
        REQUIRE(largest_difference(a.parameters().values(), b.parameters().values()) < 1e-5);
    }
}

TEST_CASE("each way of clipping changes a training, and training still learns with Muon") {
    const Dataset data = coloured_noise(48);
    std::vector<Tensor> weights;
    for (const std::string clip : {"", "norm", "value", "agc"}) {
        SwinRecipe recipe = recipe_on(Device::cpu);
        recipe.opt = "muon";
        recipe.epochs = 8;
        recipe.clip_mode = clip.empty() ? "norm" : clip;
        recipe.clip_grad = clip.empty() ? 0 : 0.01;
        SwinTrainer trainer(recipe, small_config(), data, plain);
        trainer.step();
        const double first = trainer.last_loss();
        while (!trainer.finished()) advance(trainer);
        REQUIRE(trainer.last_loss() < 0.7 * first);
        for (const Tensor& other : weights) REQUIRE_FALSE(same_bits(other, trainer.parameters().values()));
        weights.push_back(trainer.parameters().values());
    }
}

TEST_CASE("a step that is not finite leaves averaged weights alone") {
    const Dataset data = coloured_noise(26);
    for (const Device device : {Device::cpu, Device::cuda}) {
        SwinRecipe recipe = full_recipe(device, "f32");
        recipe.on_nan = "skip";
        SwinTrainer trainer(recipe, small_config(), data, plain);
        trainer.step();
        trainer.settle();
        const auto whole = static_cast<float>(trainer.parameters().values().subrange(0, {}).item());
        Tensor before;
        {
            const AveragedInPlace averaged = trainer.averaged_in_place();
            before = trainer.parameters().values().clone();
        }
        bool skipped = false;
        trainer.on_skip = [&](const std::string&) { skipped = true; };
        write_first_value(trainer, std::numeric_limits<float>::quiet_NaN());
        trainer.step();
        trainer.settle();
        write_first_value(trainer, whole);
        REQUIRE(skipped);
        const AveragedInPlace averaged = trainer.averaged_in_place();
        REQUIRE(same_bits(trainer.parameters().values(), before));
    }
}

TEST_CASE("a checkpoint holds the average under names of its own, is refused without it, and gives its weights away") {
    const Dataset data = coloured_noise(26);
    const TemporaryDirectory directory;
    const auto with = directory.path() / "with", without = directory.path() / "without";
    SwinRecipe recipe = recipe_on(Device::cpu);
    {
        SwinTrainer plain_trainer(recipe, small_config(), data, plain);
        plain_trainer.step();
        plain_trainer.save(without);
    }
    recipe.model_ema = true;
    SwinTrainer trainer(recipe, small_config(), data, plain);
    trainer.step();
    trainer.save(with);
    const SafetensorsFile file = read_safetensors(with);
    REQUIRE(file.tensors.contains("optimizer.ema.head.fc.weight"));
    REQUIRE(file.tensors.at("optimizer.ema_step").item() == 1);
    SwinV2 model(small_config());
    const Parameters parameters(model, DType::float32, Random{9, 0});
    load_weights(with, parameters);
    REQUIRE(same_bits(parameters.values(), trainer.parameters().values()));
    REQUIRE(error_of([&] { trainer.load(without); }).find("missing (\"optimizer.ema.") != std::string::npos);
    SwinTrainer plain_trainer(recipe_on(Device::cpu), small_config(), data, plain);
    REQUIRE(error_of([&] { plain_trainer.load(with); }).find("unexpected (\"optimizer.ema.") != std::string::npos);
}

TEST_CASE("settings of optimisation are refused out of range, and where they would do nothing") {
    const auto idle = [](const nlohmann::json& flags) {
        return error_of([&] {
            SwinRecipe recipe;
            update(recipe, flags, "the flags");
            refuse_idle(flags, to_json(SwinRecipe{}), needs_of_flags(recipe));
        });
    };
    REQUIRE(refused({{"opt", "muons"}}) == "unknown --opt \"muons\": did you mean muon?");
    REQUIRE(refused({{"model-ema", true}, {"model-ema-decay", 1.5}}) == "--model-ema-decay must be in [0, 1), got 1.5");
    REQUIRE(idle({{"model-ema-decay", 0.5}}) == "--model-ema-decay 0.5 does nothing without --model-ema");
    REQUIRE(idle({{"model-ema-warmup", true}}) == "--model-ema-warmup does nothing without --model-ema");
    REQUIRE(idle({{"clip-mode", "agc"}}) == "--clip-mode \"agc\" does nothing without --clip-grad");
    REQUIRE(refused({{"clip-mode", "agd"}}) == "unknown --clip-mode \"agd\": did you mean agc?");
    REQUIRE(refused({{"sched", "cosin"}}) == "unknown --sched \"cosin\": did you mean cosine?");
    REQUIRE(idle({{"decay-rate", 0.5}}) == "--decay-rate 0.5 does nothing without --sched step");
    REQUIRE(idle({{"decay-epochs", 5.0}}) == "--decay-epochs 5.0 does nothing without --sched step");
    REQUIRE(refused({{"sched", "step"}, {"decay-rate", 0}}) == "--decay-rate must be in (0, 1], got 0");
    REQUIRE(refused({{"sched", "step"}, {"decay-epochs", -1}}) ==
            "--decay-epochs must be above 0 and at most 1000000, got -1");
    REQUIRE(refused({{"warmup-lr", 1}}) == "--warmup-lr must be 0 to --lr, got 1");
    REQUIRE(idle({{"warmup-lr", 1e-5}, {"warmup-epochs", 0}}) ==
            "--warmup-lr 1e-05 does nothing without --warmup-epochs");
    REQUIRE(refused({{"min-lr", -1}}) == "--min-lr must be 0 to --lr, got -1");
    REQUIRE(idle({{"min-lr", 1e-5}, {"sched", "constant"}}) ==
            "--min-lr 1e-05 does nothing without --sched cosine, onecycle or step");
    REQUIRE(idle({{"cooldown-epochs", 2.0}}) ==
            "--cooldown-epochs 2.0 does nothing without --min-lr and --sched cosine or onecycle");
    REQUIRE(refused({{"cooldown-epochs", 20}, {"min-lr", 1e-5}}) ==
            "--cooldown-epochs must be 0 or more, and fewer than --epochs, got 20");
    REQUIRE(refused({{"layer-decay", 0}}) == "--layer-decay must be in (0, 1], got 0");
    REQUIRE(refused({{"layer-decay", 1.5}}) == "--layer-decay must be in (0, 1], got 1.5");
    REQUIRE(refused({{"grad-accum-steps", 0}}) == "--grad-accum-steps must be 1 to 1000000, got 0");
    REQUIRE(refused({{"model_ema", true}, {"model_ema_warmup", true}, {"sched", "onecycle"}, {"min_lr", 1e-6}}) ==
            "no error");
    // Files may hold these; of flags they are refused.
    REQUIRE(refused({{"mixup-prob", 0.5}, {"momentum", 0.8}}) == "no error");
    REQUIRE(idle({{"mixup-prob", 0.5}}) == "--mixup-prob 0.5 does nothing without --mixup or --cutmix");
    REQUIRE(idle({{"mixup-prob", 0.5}, {"mixup", 0.2}}) == "no error");
    REQUIRE(idle({{"mixup-prob", 1.0}}) == "no error");  // what it is anyhow
    REQUIRE(idle({{"momentum", 0.8}}) == "--momentum 0.8 does nothing without --opt sgd or muon");
    REQUIRE(idle({{"momentum", 0.8}, {"opt", "muon"}}) == "no error");
    REQUIRE(idle({{"remode", "const"}}) == "--remode \"const\" does nothing without --reprob");
    REQUIRE(idle({{"crop-padding", 2}, {"train-crop-mode", "rrc"}}) ==
            "--crop-padding 2 does nothing without crops out of a border");
}

TEST_CASE("what a model has no layers or matrices for is refused in a line") {
    struct Vectors : Module {
        Parameter scale;
        Vectors() { declare("scale", scale, {3}, Init::constant(1)); }
    };
    const Dataset data = coloured_noise(16);
    const ImageSamples samples(data, plain);
    ToyModel toy;
    Recipe recipe = small_recipe();
    recipe.layer_decay = 0.5;
    REQUIRE(error_of([&] { Trainer(recipe, toy, samples); }) ==
            "--layer-decay 0.5: the model knows no layers (Module::layer_of)");
    Vectors vectors;
    recipe = small_recipe();
    recipe.opt = "muon";
    REQUIRE(error_of([&] { Trainer(recipe, vectors, samples); }) ==
            "--opt muon is for weight matrices of hidden layers, and this model has none");
}
