// A trainer, its steps on a device, checkpoints and evaluation for a model that is no Swin, on samples that are no
// images.
#include "core/factories.h"
#include "models/nn/containers.h"
#include "models/nn/convolution.h"
#include "models/nn/layers.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/data/loader.h"
#include "train/loop/evaluate.h"
#include "train/loop/trainer.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// [B, 3] -> [B, 2], with running statistics and, where asked, random numbers drawn ahead or not.
struct Small : Module {
    Linear first{3, 8, {.bias = false}}, last{8, 2};  // a norm takes a bias away again
    BatchNorm2d norm{8};
    DropPath drop_path{0.25};
    Dropout dropout;

    explicit Small(double dropout_rate = 0) : dropout(dropout_rate) {
        declare("first", first);
        declare("norm", norm);
        declare("drop_path", drop_path);
        declare("dropout", dropout);
        declare("last", last);
    }
    Tensor forward(const Tensor& x) const override { return last(dropout(drop_path(relu(norm(first(x)))))); }
};

// Points, and a plane over them to be found. Sample number `poisoned` is not finite.
class Points final : public Samples {
  public:
    explicit Points(int64_t poisoned = -1) : poisoned_(poisoned) {}
    int64_t size() const override { return 20; }
    Batch batch(std::span<const int64_t> indices, const Random* augmentation) const override {
        const auto B = static_cast<int64_t>(indices.size());
        Batch batch{Tensor::empty({B, 3}), Tensor::empty({B, 2})};
        for (int64_t b = 0; b < B; ++b) {
            const int64_t index = indices[static_cast<size_t>(b)];
            for (int64_t i = 0; i < 3; ++i) {
                const auto at = static_cast<uint64_t>(3 * index + i);
                double x = Random{1, 2}.normal(at);
                if (augmentation) x += 0.01 * augmentation->normal(at);
                batch.inputs.data<float>()[3 * b + i] = index == poisoned_ ? NAN : static_cast<float>(x);
            }
            const float* x = batch.inputs.data<float>() + 3 * b;
            batch.targets.data<float>()[2 * b] = index == poisoned_ ? 0 : x[0] - x[1];
            batch.targets.data<float>()[2 * b + 1] = index == poisoned_ ? 0 : x[2];
        }
        return batch;
    }

  private:
    int64_t poisoned_;
};

Tensor squares(const Tensor& output, const Tensor& targets) {
    const Tensor difference = output - targets;
    return mean(difference * difference);
}

Recipe recipe_for(const std::string& device) {
    Recipe recipe;
    recipe.epochs = 3;
    recipe.batch_size = 4;
    recipe.lr = 0.05;
    recipe.device = device;
    recipe.on_nan = "skip";
    return recipe;
}

// All that a training changes.
std::vector<double> state_of(const Trainer& trainer) {
    std::vector<double> all = trainer.parameters().values().on_cpu().values();
    const std::vector<double> buffers = trainer.parameters().buffers().on_cpu().values();
    all.insert(all.end(), buffers.begin(), buffers.end());
    return all;
}

void train_to(Trainer& trainer, int64_t steps) {
    while (trainer.steps_done() < steps) {
        if (trainer.epoch_done()) trainer.begin_next_epoch();
        trainer.step();
        if (trainer.steps_done() == steps) trainer.settle();  // some may come again
    }
}

}  // namespace

TEST_CASE("a model of plain layers learns numbers by a loss of its own, and has no accuracy") {
    Small model;
    const Points points;
    Trainer trainer(recipe_for("cpu"), model, points, squares);
    const Evaluation before = evaluate(model, trainer.parameters(), points, 6, {}, squares);
    train_to(trainer, 15);
    const Evaluation after = evaluate(model, trainer.parameters(), points, 6, {}, squares);
    REQUIRE(after.loss < 0.7 * before.loss);
    REQUIRE(std::isnan(after.accuracy));
    REQUIRE(std::isnan(trainer.accuracy()));
    REQUIRE_FALSE(trainer.classifies());
    REQUIRE(after.predictions.empty());
}

TEST_CASE("any model goes on from a checkpoint with the same bits, buffers and random draws included") {
    const Points points;
    const TemporaryDirectory directory;
    Small whole_model(0.3), first_model(0.3), second_model(0.3);
    Trainer whole(recipe_for("cpu"), whole_model, points, squares),
        first(recipe_for("cpu"), first_model, points, squares);
    train_to(whole, 12);
    train_to(first, 7);
    first.save(directory.path() / "c.safetensors");
    Trainer second(recipe_for("cpu"), second_model, points, squares);
    second.load(directory.path() / "c.safetensors");
    train_to(second, 12);
    REQUIRE(state_of(second) == state_of(whole));
}

TEST_CASE("any model's steps are captured on a device, with the CPU's results") {
    const Points points;
    for (const double dropout : {0.0, 0.3}) {
        INFO("dropout " << dropout);
        Small here_model(dropout), there_model(dropout);
        REQUIRE_FALSE(there_model.draws_in_forward());  // which would keep its steps from being captured
        Trainer here(recipe_for("cpu"), here_model, points, squares),
            there(recipe_for("emulated"), there_model, points, squares);
        train_to(here, 12);
        train_to(there, 12);
        REQUIRE(there.last_loss() == Approx(here.last_loss()).epsilon(1e-4));
        const auto a = state_of(here), b = state_of(there);
        for (size_t i = 0; i < a.size(); ++i) REQUIRE(b[i] == Approx(a[i]).margin(1e-4));
    }
}

TEST_CASE("a step that is left out leaves running statistics as they were, on the CPU and on a device") {
    const Points points(5);  // in one batch of each epoch
    for (const char* device : {"cpu", "emulated"}) {
        INFO(device);
        Small model;
        Trainer trainer(recipe_for(device), model, points, squares);
        train_to(trainer, 15);
        REQUIRE(trainer.state().skipped == 1);
        for (const double value : state_of(trainer)) REQUIRE(std::isfinite(value));
    }
    Small here_model, there_model;
    Trainer here(recipe_for("cpu"), here_model, points, squares),
        there(recipe_for("emulated"), there_model, points, squares);
    train_to(here, 10);
    train_to(there, 10);
    const auto a = state_of(here), b = state_of(there);
    for (size_t i = 0; i < a.size(); ++i) REQUIRE(b[i] == Approx(a[i]).margin(1e-4));
}

TEST_CASE("labels that are no classes leave an evaluation without accuracy, and read nothing beside the logits") {
    struct Ignoring final : Samples {
        int64_t size() const override { return 4; }
        Batch batch(std::span<const int64_t> indices, const Random*) const override {
            const auto B = static_cast<int64_t>(indices.size());
            Batch batch{Tensor::zeros({B, 3}), Tensor::zeros({B}, DType::int64)};
            batch.targets.data<int64_t>()[0] = -100;
            return batch;
        }
    };
    Small model;
    const Parameters parameters(model, DType::float32, Random{1, 2});
    const Loss first_logit = [](const Tensor& output, const Tensor&) { return mean(output); };
    const Evaluation result = evaluate(model, parameters, Ignoring(), 2, {}, first_logit);
    REQUIRE(std::isnan(result.accuracy));
    REQUIRE(result.predictions.empty());
    Recipe wrong = recipe_for("cpu");
    wrong.batch_size = 0;
    const Points points;
    REQUIRE(error_of([&] { Trainer(wrong, model, points, squares); }).find("--batch-size must be") == 0);
}

TEST_CASE("an output that is not finite leaves an evaluation without an answer, and is named") {
    struct Numbers final : Samples {
        int64_t size() const override { return 5; }
        Batch batch(std::span<const int64_t> indices, const Random*) const override {
            const auto B = static_cast<int64_t>(indices.size());
            Batch batch{Tensor::zeros({B, 3}), Tensor::zeros({B}, DType::int64)};
            for (int64_t i = 0; i < B; ++i)
                if (indices[static_cast<size_t>(i)] == 3) batch.inputs.data<float>()[3 * i + 1] = NAN;
            return batch;
        }
    };
    struct Same final : Module {
        Same() { declare("unused", unused, {1}, Init::constant(0)); }
        Parameter unused;
        Tensor forward(const Tensor& x) const override { return x; }
    };
    Same model;
    const Parameters parameters(model, DType::float32, Random{});
    const Evaluation result = evaluate(model, parameters, Numbers(), 2);
    REQUIRE(result.not_finite == "sample 3 has nan as output 1");
    REQUIRE((std::isnan(result.accuracy) && std::isnan(result.loss) && result.predictions.empty()));
}

TEST_CASE("batches are made without a thread where the system has none to give") {
    pthread_attr_t usual, absurd;
    REQUIRE(pthread_getattr_default_np(&usual) == 0);
    REQUIRE(pthread_getattr_default_np(&absurd) == 0);
    REQUIRE(pthread_attr_setstacksize(&absurd, size_t{1} << 47) == 0);  // more than there are addresses
    REQUIRE(pthread_setattr_default_np(&absurd) == 0);
    std::vector<int64_t> made;
    Loader loader(3, [&](int64_t number) {
        made.push_back(number);
        return Batch{Tensor::zeros({1, 1}), Tensor::zeros({1})};
    });
    while (loader.next()) {
    }
    REQUIRE(pthread_setattr_default_np(&usual) == 0);
    REQUIRE(made == std::vector<int64_t>{0, 1, 2});
}

TEST_CASE("batches that do not fit their samples are named") {
    struct Wrong final : Samples {
        int64_t size() const override { return 8; }
        Batch batch(std::span<const int64_t> indices, const Random*) const override {
            return {Tensor::zeros({static_cast<int64_t>(indices.size()), 3}), Tensor::zeros({1, 2})};
        }
    };
    Small model;
    const Wrong samples;
    Trainer trainer(recipe_for("cpu"), model, samples, squares);
    REQUIRE(error_of([&] { trainer.step(); }) ==
            "[loader] the targets of a batch of 4 samples must be [4, ...], got float32 [1, 2] on cpu");
    const Points points;
    Trainer classifier(recipe_for("cpu"), model, points);
    REQUIRE(error_of([&] { classifier.step(); }) ==
            "[loss] cross entropy needs logits [..., K] and int64 targets [...], got float32 [4, 2] on cpu and float32 "
            "[4, 2] on cpu");
}

TEST_CASE("of a single class the loss is 0, and there is no accuracy") {
    const Tensor logits = full({3, 1}, 2.5), labels = Tensor::zeros({3}, DType::int64);
    REQUIRE(classification_loss()(logits, labels).item() == 0);
    REQUIRE_FALSE(is_classification(logits, labels));
}
