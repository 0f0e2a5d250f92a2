// Weights loaded into a model with another window or patch size.
#include "core/io/safetensors.h"
#include "models/swin/resample_weights.h"
#include "models/swin/swin_v2.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/loop/checkpoint.h"

#include <cmath>
#include <map>

using namespace swingrad;
using namespace swingrad::test;

namespace {

SwinConfig v1(int64_t window, int64_t patch) {
    SwinConfig config;
    config.img_size = {16 * patch, 16 * patch};
    config.patch_size = {patch, patch};
    config.num_classes = 3;
    config.embed_dim = 4;
    config.depths = {2};
    config.num_heads = {2};
    config.window_size = {{window, window}};
    config.pretrained_window_sizes = {{0, 0}};
    use_v1_switches(config);
    return config;
}

struct Model {
    SwinV2 model;
    Parameters parameters;
    explicit Model(const SwinConfig& config, uint64_t seed)
        : model(config), parameters(model, DType::float32, Random{seed, 0}) {}
    Tensor value(const std::string& name) const {
        for (const auto& entry : parameters.entries())
            if (entry.name == name) return entry.value;
        return {};
    }
};

}  // namespace

TEST_CASE("a bias table is resampled to the window of the model that loads it, where that is asked for") {
    const TemporaryDirectory directory;
    const Model small(v1(4, 2), 1), large(v1(8, 2), 2);
    save_weights(directory / "w", small.parameters);
    const std::string name = "layers.0.blocks.1.attn.relative_position_bias_table";
    const Tensor before = large.value(name).clone();
    REQUIRE(error_of([&] { load_weights(directory / "w", large.parameters); }).find("of another kind") !=
            std::string::npos);
    REQUIRE(same_bits(large.value(name), before));

    const auto resampled = load_weights(directory / "w", large.parameters, OtherSizes::resample).resampled;
    REQUIRE(resampled.size() == 2);
    const NoGrad no_recording;
    REQUIRE(same_bits(large.value(name), resample_bias_table(small.value(name), {4, 4}, {8, 8})));
    REQUIRE(same_bits(large.value("head.fc.weight"), small.value("head.fc.weight")));
}

TEST_CASE("a model with a larger patch sees in an enlarged image what it saw in the small one") {
    const TemporaryDirectory directory;
    const Model small(v1(4, 2), 1), large(v1(4, 3), 2);
    save_weights(directory / "w", small.parameters);
    REQUIRE(load_weights(directory / "w", large.parameters, OtherSizes::resample).resampled ==
            std::vector<std::string>{"patch_embed.proj.weight"});
    // Each patch is enlarged on its own: that is what the resampled weight is exact for.
    const Tensor image = random_tensor({1, 32, 32, 3}, Random{1, 1}).to(DType::float32);
    const auto patches = [](const Tensor& x, int64_t p) {
        return reshape(permute(reshape(x, {16, p, 16, p, 3}), {0, 2, 1, 3, 4}), {256, p, p, 3});
    };
    const Tensor enlarged = resize(patches(image, 2), {3, 3}, Resize::bilinear);
    const Tensor back = reshape(permute(reshape(enlarged, {16, 16, 3, 3, 3}), {0, 2, 1, 3, 4}), {1, 48, 48, 3});
    REQUIRE(largest_difference(small.model.forward(image), large.model.forward(back)) < 1e-5);
}

TEST_CASE("absolute positions are resampled to the map of another image, bicubically") {
    // That resize is PyTorch's: tests/image/test_resize.cpp.
    const Tensor value = Tensor::from({1, 2, 4, 1}, std::vector<double>{0, 1, 4, 9, 16, 25, 36, 49});
    const Tensor larger = resampled_weight("absolute_pos_embed", value, {1, 3, 4, 1});
    REQUIRE(larger.shape() == Shape{1, 3, 4, 1});
    REQUIRE(same_bits(larger, resize(value, {3, 4}, Resize::bicubic)));
    REQUIRE_FALSE(resampled_weight("absolute_pos_embed", value, {1, 3, 4, 2}).defined());
    REQUIRE_FALSE(resampled_weight("pos_embed", value, {1, 3, 4, 1}).defined());

    const TemporaryDirectory directory;
    SwinConfig config = v1(4, 2);
    config.position_embedding = PositionEmbedding::absolute;
    const Model small(config, 1);
    save_weights(directory / "w", small.parameters);
    config.img_size = {48, 40};
    const Model large(config, 2);
    REQUIRE(contains(error_of([&] { load_weights(directory / "w", large.parameters); }), "\"absolute_pos_embed\" is"));
    REQUIRE(load_weights(directory / "w", large.parameters, OtherSizes::resample).resampled ==
            std::vector<std::string>{"absolute_pos_embed"});
    REQUIRE(same_bits(large.value("absolute_pos_embed"),
                      resize(small.value("absolute_pos_embed"), {24, 20}, Resize::bicubic)));
}

TEST_CASE("Microsoft's list of absolute positions is the map here, of the same tokens or of a square") {
    const TemporaryDirectory directory;
    SwinConfig config = v1(4, 2);
    config.position_embedding = PositionEmbedding::absolute;
    config.img_size = {32, 24};
    const auto write_list = [&](const Model& model) {
        NamedTensors weights;
        for (const auto& entry : model.parameters.entries())
            weights.emplace_back(entry.name, entry.name == "absolute_pos_embed"
                                                 ? entry.value.view({1, entry.value.numel() / 4, 4})
                                                 : entry.value);
        write_safetensors(directory / "w", weights);
    };
    const Model source(config, 1), same(config, 2);
    write_list(source);
    load_weights(directory / "w", same.parameters);
    REQUIRE(same_bits(same.parameters.values(), source.parameters.values()));

    config.img_size = {32, 32};
    const Model square(config, 3);
    REQUIRE(contains(error_of([&] { load_weights(directory / "w", square.parameters, OtherSizes::resample); }),
                     "\"absolute_pos_embed\" is float32 [1, 192, 4]"));
    write_list(square);
    load_weights(directory / "w", same.parameters, OtherSizes::resample);
    REQUIRE(same_bits(same.value("absolute_pos_embed"),
                      resize(square.value("absolute_pos_embed"), {16, 12}, Resize::bicubic)));
}

TEST_CASE("absolute positions begin small, do not decay, and lie in the lowest layer") {
    SwinConfig config = v1(4, 2);
    config.position_embedding = PositionEmbedding::absolute;
    const Model one(config, 1);
    for (const auto& entry : one.parameters.entries()) {
        if (entry.name != "absolute_pos_embed") continue;
        REQUIRE(entry.shape == Shape{1, 16, 16, 4});
        REQUIRE(entry.decay == Decay::no);
        REQUIRE(entry.is_table);
        REQUIRE(one.model.layer_of(entry.name) == 0);
        double squares = 0;
        for (const double value : entry.value.values()) squares += value * value;
        REQUIRE(std::sqrt(squares / 1024) == Approx(0.02).epsilon(0.1));
    }
    REQUIRE(one.value("absolute_pos_embed").defined());
    config.position_embedding = PositionEmbedding::none;
    REQUIRE_FALSE(Model(config, 1).value("absolute_pos_embed").defined());
}

TEST_CASE("what is no matter of sizes is not resampled") {
    const TemporaryDirectory directory;
    const Model small(v1(4, 2), 1);
    save_weights(directory / "w", small.parameters);
    SwinConfig wider = v1(8, 2);
    wider.num_classes = 5;
    const Model other(wider, 2);
    REQUIRE(error_of([&] {
                load_weights(directory / "w", other.parameters, OtherSizes::resample);
            }).find("2 of another kind (\"head.fc.weight\"") != std::string::npos);
}
