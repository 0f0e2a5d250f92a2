#include "core/threads.h"
#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "train/loop/evaluate.h"
#include "train/program/console/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

using namespace swingrad;
using namespace swingrad::test;

namespace {

std::vector<double> trained(const SwinRecipe& recipe, const Dataset& data) {
    SwinTrainer trainer(recipe, small_config(), data, plain);
    while (!trainer.finished()) advance(trainer);
    return trainer.parameters().values().values();
}

// A name in the temporary folder that is gone at the end.
struct TemporaryFile {
    std::filesystem::path path;
    explicit TemporaryFile(const std::string& name)
        : path(std::filesystem::temp_directory_path() / (name + std::to_string(getpid()) + ".safetensors")) {}
    ~TemporaryFile() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("training lowers the loss and raises the accuracy") {
    const Dataset data = coloured_noise(96);
    SwinRecipe recipe = small_recipe();
    recipe.epochs = 5;
    SwinTrainer trainer(recipe, small_config(), data, plain);
    const Evaluation before = evaluate(trainer.model(), trainer.parameters(), ImageSamples(data, plain), 10);
    while (!trainer.finished()) advance(trainer);
    const Evaluation after = evaluate(trainer.model(), trainer.parameters(), ImageSamples(data, plain), 10);
    REQUIRE(before.loss > 0.9);
    REQUIRE(after.loss < 0.5 * before.loss);
    REQUIRE(after.accuracy > 90);
}

TEST_CASE("evaluation does not depend on the size of its batches") {
    const Dataset data = coloured_noise(33);
    SwinTrainer trainer(small_recipe(), small_config(), data, plain);
    const Evaluation one = evaluate(trainer.model(), trainer.parameters(), ImageSamples(data, plain), 1),
                     many = evaluate(trainer.model(), trainer.parameters(), ImageSamples(data, plain), 32);
    REQUIRE(one.loss == Approx(many.loss).epsilon(1e-6));
    REQUIRE(one.accuracy == many.accuracy);
}

TEST_CASE("evaluation tells of each image what the model says, and its loss") {
    const Dataset data = coloured_noise(7);
    SwinRecipe recipe = small_recipe();
    recipe.batch_size = 7;
    SwinTrainer trainer(recipe, small_config(), data, plain);
    const Evaluation result = evaluate(trainer.model(), trainer.parameters(), ImageSamples(data, plain), 3);
    REQUIRE(result.predictions.size() == 7);
    double loss = 0;
    for (int64_t i = 0; i < 7; ++i) {
        const std::vector<int64_t> alone{i};
        const Tensor logits = trainer.model().forward(make_batch(data, alone, plain, nullptr, Random{}).inputs);
        std::vector<double> exponentials;
        for (const double logit : logits.values()) exponentials.push_back(std::exp(logit));
        const double sum = exponentials[0] + exponentials[1] + exponentials[2];
        const Prediction& said = result.predictions[static_cast<size_t>(i)];
        REQUIRE(said.probability == Approx(*std::max_element(exponentials.begin(), exponentials.end()) / sum));
        REQUIRE(exponentials[static_cast<size_t>(said.predicted)] / sum == Approx(said.probability));
        REQUIRE(said.loss == Approx(-std::log(exponentials[static_cast<size_t>(i % 3)] / sum)));
        loss += said.loss;
    }
    REQUIRE(result.loss == Approx(loss / 7));
}

TEST_CASE("predictions are those of a softmax that does not overflow, of equal logits the first") {
    const Tensor logits = Tensor::from<float>({3, 2}, {1000, 0, 2, 2, 0, std::log(3.0f)});
    const Tensor labels = Tensor::from<int64_t>({3}, {1, 0, 1});
    const auto said = predictions_of(logits, labels);
    REQUIRE(said[0].predicted == 0);
    REQUIRE(said[0].probability == 1);
    REQUIRE(said[0].loss == 1000);
    REQUIRE(said[1].predicted == 0);
    REQUIRE(said[1].probability == 0.5);
    REQUIRE(said[2].predicted == 1);
    REQUIRE(said[2].probability == Approx(0.75));
    REQUIRE(said[2].loss == Approx(-std::log(0.75)));
}

TEST_CASE("a seed gives the same weights, bit for bit, on any number of threads") {
    const Dataset data = coloured_noise(50);
    const int before = thread_count();
    set_thread_count(1);
    const auto one = trained(small_recipe(), data);
    set_thread_count(2);
    const auto two = trained(small_recipe(), data);
    set_thread_count(3);
    const auto three = trained(small_recipe(), data);
    set_thread_count(before);
    REQUIRE(one == two);
    REQUIRE(one == three);
    SwinRecipe other = small_recipe();
    other.seed = 4;
    REQUIRE(one != trained(other, data));
}

TEST_CASE("a run continued from any of its checkpoints ends with the weights of one that never stopped") {
    const Dataset data = coloured_noise(50);  // 6 batches an epoch, 2 images left out
    for (const std::string opt : {"adamw", "sgd"}) {
        SwinRecipe recipe = small_recipe();
        recipe.opt = opt;
        recipe.clip_grad = 1;
        const auto uninterrupted = trained(recipe, data);
        for (const int stop : {1, 6, 8, 17}) {
            DYNAMIC_SECTION(opt << " stopped after step " << stop) {
                const TemporaryFile file("swingrad-resume");
                {
                    SwinTrainer first(recipe, small_config(), data, plain);
                    for (int step = 0; step < stop; ++step) advance(first);
                    first.save(file.path);
                    advance(first);  // what is done after a checkpoint must leave no trace
                }
                SwinTrainer second(recipe, small_config(), data, plain);
                second.load(file.path);
                REQUIRE(second.steps_done() == stop);
                while (!second.finished()) advance(second);
                REQUIRE(second.parameters().values().values() == uninterrupted);
            }
        }
    }
}

TEST_CASE("the state of a run is saved to the last bit") {
    const Dataset data = coloured_noise(50);
    const TemporaryFile file("swingrad-state");
    SwinTrainer first(small_recipe(), small_config(), data, plain);
    for (int step = 0; step < 8; ++step) advance(first);
    first.state().best_accuracy = 100.0 / 3;
    first.save(file.path);
    SwinTrainer second(small_recipe(), small_config(), data, plain);
    second.load(file.path);
    REQUIRE(second.state().epoch == 1);
    REQUIRE(second.state().batch == 2);
    REQUIRE(second.state().loss_sum == first.state().loss_sum);
    REQUIRE(second.state().gradient_norm_sum == first.state().gradient_norm_sum);
    REQUIRE(second.state().correct == first.state().correct);
    REQUIRE(second.state().best_accuracy == 100.0 / 3);
}

TEST_CASE("the learning rate rises over the warm-up and falls to nearly nothing") {
    const Dataset data = coloured_noise(50);
    SwinTrainer trainer(small_recipe(), small_config(), data, plain);
    REQUIRE(trainer.learning_rate_of(0) == Approx(4e-3 / 6));
    REQUIRE(trainer.learning_rate_of(5) == Approx(4e-3));
    REQUIRE(trainer.learning_rate_of(17) < 0.02 * 4e-3);
}

TEST_CASE("a batch larger than the training set is refused") {
    const Dataset data = coloured_noise(7);
    REQUIRE(error_of([&] { SwinTrainer(small_recipe(), small_config(), data, plain); }) ==
            "[train] a batch of 8 needs as many samples to train on, got 7");
}

TEST_CASE("a recipe says which setting cannot be") {
    const auto refused = [](const nlohmann::json& settings) {
        return error_of([&] {
            SwinRecipe recipe;
            update(recipe, settings, "f.json");
            validate(recipe);
        });
    };
    REQUIRE(refused({{"epochs", 3}, {"batch_size", 7}, {"lr", 1}}) == "no error");
    REQUIRE(refused({{"epochs", 2.5}}) == "f.json: \"epochs\" must be a whole number, got 2.5");
    REQUIRE(refused({{"opt", "adam"}}) == "unknown --opt \"adam\": did you mean adamw?");
    REQUIRE(refused({{"epochs", 1000001}}) == "--epochs must be 1 to 1000000, got 1000001");
    REQUIRE(refused({{"img-size", 16385}}) == "--img-size must be 1 to 16384, got 16385");
    REQUIRE(refused({{"warmup-epochs", 1e7}}) == "--warmup-epochs must be 0 to 1000000, got 10000000");
    REQUIRE(refused({{"on-nan", "ignore"}}) == "unknown --on-nan \"ignore\": expected one of stop, skip");
    REQUIRE(refused({{"keep-every", -1}}) == "--keep-every must be 0 to 1000000, got -1");
    REQUIRE(refused({{"drop-path", 1}}) == "--drop-path must be in [0, 1), got 1");
    REQUIRE(refused(nlohmann::json::array()) == "f.json must hold a JSON object of settings, got array");
    REQUIRE(refused({{"learning", 1}}).find("f.json: unknown key \"learning\"; expected one of data, model,") == 0);
}

TEST_CASE("a recipe survives its own JSON") {
    SwinRecipe recipe;
    recipe.lr = 0.1 + 0.2;
    recipe.data = "folder:a b";
    SwinRecipe again;
    update(again, nlohmann::json::parse(to_json(recipe).dump()), "f.json");
    REQUIRE(to_json(again) == to_json(recipe));
    REQUIRE(again.lr == recipe.lr);
    update(again, {{"smoothing", 0.25}}, "an old run's config.json");
    REQUIRE(again.label_smoothing == 0.25);
}

TEST_CASE("numbers and times read well") {
    REQUIRE(grouped(0) == "0");
    REQUIRE(grouped(999) == "999");
    REQUIRE(grouped(28347154) == "28,347,154");
    REQUIRE(grouped(-123456) == "-123,456");
    REQUIRE(duration_text(4.4) == "4 s");
    REQUIRE(duration_text(200) == "3 min 20 s");
    REQUIRE(duration_text(7500) == "2 h 05 min");
    REQUIRE(bar_text(0, 4, 4) == "[>   ]");
    REQUIRE(bar_text(2, 4, 4) == "[==> ]");
    REQUIRE(bar_text(4, 4, 4) == "[====]");
}
