// Features, and a classifier trained on them alone.
#include "train/transfer/features.h"

#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"

#include <map>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// As a model that has learnt: no norm at 0 that hides what is behind it.
void randomise_norms(const Parameters& parameters) {
    for (const auto& entry : parameters.entries())
        if (entry.name.find("norm") != std::string::npos)
            entry.value.copy_from(random_tensor(entry.shape, Random{5, static_cast<uint64_t>(entry.offset)}, 0.5, 0.5)
                                      .to(entry.value.dtype())
                                      .on(parameters.device()));
    parameters.renew_copies();
}

Tensor value_of(const Parameters& parameters, const std::string& name) {
    for (const auto& entry : parameters.entries())
        if (entry.name == name) return entry.value.on_cpu();
    fail("no parameter {}", name);
}

}  // namespace

TEST_CASE("features are what the classifier is given, the same for any batch and any number of threads") {
    const Dataset data = coloured_noise(10);
    const ImageSamples samples(data, plain);
    SwinV2 model(small_config());
    const Parameters parameters(model, DType::float32, Random{1, 0}, Device::cpu, Gradients::no);
    randomise_norms(parameters);
    std::vector<int64_t> done;
    const Tensor features = features_of(model, parameters, samples, 4, [&](int64_t n) { done.push_back(n); });
    REQUIRE(features.shape() == Shape{10, 16});
    REQUIRE(done == std::vector<int64_t>{4, 8, 10});

    const std::vector<int64_t> all{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const Tensor images = samples.batch(all, nullptr).inputs, logits = model.forward(images);
    REQUIRE(largest_difference(
                linear(features, value_of(parameters, "head.fc.weight"), value_of(parameters, "head.fc.bias")),
                logits) < 1e-6);
    REQUIRE(same_bits(model.forward(features), model.forward(features_of(model, parameters, samples, 10))));
    const int threads = thread_count();
    set_thread_count(threads == 1 ? 2 : 1);
    REQUIRE(same_bits(features_of(model, parameters, samples, 3), features));
    set_thread_count(threads);
}

TEST_CASE("a forward pass for features reports the maps of its stages") {
    const Dataset data = coloured_noise(3);
    SwinV2 model(small_config());
    const Parameters parameters(model, DType::float32, Random{1, 0}, Device::cpu, Gradients::no);
    std::map<std::string, Shape> seen;
    features_of(model, parameters, ImageSamples(data, plain), 3, {},
                [&](std::string_view name, const Tensor& map) { seen.emplace(name, map.shape()); });
    REQUIRE(seen.at("layers.0") == Shape{3, 8, 8, 8});
    REQUIRE(seen.at("layers.1") == Shape{3, 4, 4, 16});
}

TEST_CASE("features that are not finite are named") {
    const Dataset data = coloured_noise(3);
    SwinV2 model(small_config());
    const Parameters parameters(model, DType::float32, Random{1, 0}, Device::cpu, Gradients::no);
    for (const auto& entry : parameters.entries())
        if (entry.name == "norm.bias") entry.value.data<float>()[2] = std::numeric_limits<float>::infinity();
    REQUIRE(error_of([&] { features_of(model, parameters, ImageSamples(data, plain), 2); }) ==
            "[features] sample 0 has inf as feature 2");
}

TEST_CASE("a classifier trained on features computed once is that of a run with all else frozen") {
    const Dataset data = coloured_noise(48);
    SwinRecipe recipe = small_recipe();
    recipe.freeze = all_but_the_head;
    recipe.drop_path = 0;
    recipe.crop_padding = 0;
    recipe.flip = 0;
    SwinConfig config = small_config();
    config.drop_path_rate = 0;
    SwinTrainer frozen(recipe, config, data, plain);
    randomise_norms(frozen.parameters());

    FeatureExtractor extractor(config, recipe);
    randomise_norms(extractor.parameters);
    const FeatureSamples features = extractor.of(ImageSamples(data, plain), 8);
    REQUIRE((features.images() == &data && features.size() == 48));
    SwinV2 model(config);
    Trainer probe(recipe, model, features);
    randomise_norms(probe.parameters());
    REQUIRE(same_bits(probe.parameters().values(), frozen.parameters().values()));

    for (int step = 0; step < 12; ++step) {
        advance(frozen);
        advance(probe);
        REQUIRE(std::abs(frozen.last_loss() - probe.last_loss()) < 1e-5);
    }
    for (const char* name : {"head.fc.weight", "head.fc.bias"}) {
        const Tensor learnt = value_of(probe.parameters(), name);
        REQUIRE(largest_difference(learnt, value_of(frozen.parameters(), name)) < 1e-5);
        REQUIRE(largest_difference(learnt, value_of(extractor.parameters, name)) > 1e-3);
    }
    REQUIRE(same_bits(value_of(probe.parameters(), "norm.weight"), value_of(extractor.parameters, "norm.weight")));
}

TEST_CASE("features of mixed precision and on a device are those of float32, nearly") {
    const Dataset data = coloured_noise(6);
    SwinV2 reference(small_config());
    const Parameters in_float(reference, DType::float32, Random{1, 0}, Device::cpu, Gradients::no);
    randomise_norms(in_float);
    const Tensor expected = features_of(reference, in_float, ImageSamples(data, plain), 6);
    for (const auto& [dtype, device, tolerance] :
         {std::tuple{DType::bfloat16, Device::cpu, 0.05}, {DType::float32, Device::cuda, 1e-4}}) {
        SwinV2 model(small_config());
        const Parameters parameters(model, dtype, Random{1, 0}, device, Gradients::no);
        randomise_norms(parameters);
        const Tensor features = features_of(model, parameters, ImageSamples(data, plain), 6);
        REQUIRE(features.dtype() == DType::float32);
        REQUIRE(largest_difference(features, expected) < tolerance);
    }
}
