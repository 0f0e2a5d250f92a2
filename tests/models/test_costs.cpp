#include "autograd/tape_text.h"
#include "core/allocator.h"
#include "models/nn/parameters.h"
#include "models/swin/costs.h"
#include "models/swin/swin_v2.h"
#include "ops/cost_log.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// What the tape of one training step holds, but for the parameters. Drop path keeps all samples: what it drops is not
// kept.
int64_t bytes_on_tape(const SwinConfig& config, int64_t batch, DType dtype) {
    SwinV2 model(config);
    const Parameters parameters(model, dtype, Random{});
    const Tensor images = Tensor::zeros({batch, config.img_size.rows, config.img_size.columns, config.in_chans}, dtype);
    const Tensor labels = Tensor::zeros({batch}, DType::int64);
    const auto rates = static_cast<int64_t>(model.drop_path_rates().size());
    ForwardOptions options{.training = true, .random = Random{1, 2}};
    options.keeps = drop_path_keep(rates * batch, 0, Random{}, dtype).view({rates, batch});
    Tape tape;
    const Tensor loss = cross_entropy(model.forward(images, options), labels);
    return static_cast<int64_t>(memory_of(tape.entries(), {parameters.values()}).total);
}

int64_t bytes_counted(const SwinConfig& config, int64_t batch, DType dtype) {
    return total_cost(layer_costs(config, batch, dtype)).saved_bytes;
}

// One training step on meta: what it costs, and that it takes no memory.
struct OnMeta {
    int64_t multiply_adds = 0, saved_bytes = 0, parameters = 0;
    std::map<std::string, int64_t> by_scope;

    OnMeta(const SwinConfig& config, int64_t batch) {
        const size_t before = memory_statistics(Device::cpu).live;
        SwinV2 model(config);
        const Parameters all(model, DType::float32, Random{}, Device::meta);
        const Extent size = config.img_size;
        const Tensor images = Tensor::empty({batch, size.rows, size.columns, config.in_chans}).on(Device::meta);
        model.train(Random{1, 2});
        const CostLog log;
        Tape tape;
        const Tensor loss = cross_entropy(model(images), Tensor::empty({batch}, DType::int64, Device::meta));
        REQUIRE(loss.device() == Device::meta);
        saved_bytes = static_cast<int64_t>(memory_of(tape.entries(), {all.values()}).total);
        multiply_adds = log.total();
        by_scope = log.multiply_adds();
        parameters = all.count();
        REQUIRE(memory_statistics(Device::cpu).live == before);
    }
};

// Multiply-adds of one image in units of 10^9.
double giga(const std::string& name, int64_t image, int64_t window) {
    const SwinConfig config = config_from_json({{"img_size", image}, {"window_size", window}}, named_config(name));
    return static_cast<double>(total_cost(layer_costs(config, 1)).multiply_adds) / 1e9;
}

// Small, with a clipped window, padding, an odd map, classes and channels of its own.
SwinConfig custom() {
    return config_from_json({{"img_size", {20, 28}},
                             {"patch_size", {4, 2}},
                             {"in_chans", 2},
                             {"num_classes", 7},
                             {"embed_dim", 8},
                             {"depths", {1, 2}},
                             {"num_heads", {2, 4}},
                             {"window_size", {{4, 3}, {8, 3}}},
                             {"mlp_ratio", 2.5}});
}

// That every layer has the parameters whose names begin with its own, and that none is left.
void require_parameters_by_name(const SwinConfig& config) {
    SwinV2 model(config);
    const auto layers = layer_costs(config, 1);
    for (const LayerCost& layer : layers) {
        int64_t under = 0;
        for (const NamedParameter& one : model.parameters())
            if (one.name == layer.name || one.name.starts_with(layer.name + ".")) under += one.parameter->shape.numel();
        INFO(layer.name);
        REQUIRE(layer.parameters == under);
    }
    REQUIRE(total_cost(layers).parameters == model.parameter_count());
}

}  // namespace

TEST_CASE("the costs count the parameters of every model that has a name") {
    for (const std::string& name : config_names()) {
        SwinV2 model(named_config(name));
        REQUIRE(total_cost(layer_costs(named_config(name), 3)).parameters == model.parameter_count());
    }
}

TEST_CASE("the costs count the parameters of Swin V1 as published") {
    // 28,288,354, 49,606,258 and 87,768,224: timm's swin_{tiny,small,base}_patch4_window7_224.
    const auto count = [](const char* name) {
        const SwinConfig config =
            config_from_json({{"architecture", "swin"}, {"img_size", 224}, {"window_size", 7}}, named_config(name));
        return total_cost(layer_costs(config, 1)).parameters;
    };
    REQUIRE(count("tiny") == 28288354);
    REQUIRE(count("small") == 49606258);
    REQUIRE(count("base") == 87768224);
}

TEST_CASE("the costs count the multiply-adds that the paper's code publishes") {
    const auto is = [](double counted, double published) { return std::abs(counted - published) <= 0.05; };
    REQUIRE(std::abs(giga("tiny", 256, 8) - 5.93) <= 0.005);
    REQUIRE(std::abs(giga("tiny", 256, 16) - 6.61) <= 0.005);
    REQUIRE(is(giga("small", 256, 8), 11.5));
    REQUIRE(is(giga("small", 256, 16), 12.6));
    REQUIRE(is(giga("base", 256, 8), 20.3));
    REQUIRE(is(giga("base", 256, 16), 21.8));
    REQUIRE(is(giga("base", 384, 24), 54.7));
    REQUIRE(is(giga("large", 256, 16), 47.5));
    REQUIRE(is(giga("large", 384, 24), 115.4));
}

TEST_CASE("the costs count the multiply-adds of one block by hand") {
    // A map of 2 x 2 tokens of 4 channels, one window, one head, 8 hidden: qkv 4 x 4 x 12, two products of 4 x 4 x 4,
    // the projection 4 x 4 x 4; norms 4 x 4; the MLP twice 4 x 4 x 8.
    const auto layers = layer_costs(config_from_json({{"img_size", 4},
                                                      {"patch_size", 2},
                                                      {"embed_dim", 4},
                                                      {"depths", {1}},
                                                      {"num_heads", {1}},
                                                      {"window_size", 2},
                                                      {"mlp_ratio", 2},
                                                      {"num_classes", 3}}),
                                    5);
    std::vector<std::string> names;
    std::vector<int64_t> multiply_adds;
    for (const LayerCost& layer : layers) {
        names.push_back(layer.name);
        multiply_adds.push_back(layer.multiply_adds / 5);
    }
    REQUIRE(names == std::vector<std::string>{"patch_embed", "layers.0.blocks.0.attn", "layers.0.blocks.0.norm1",
                                              "layers.0.blocks.0.mlp", "layers.0.blocks.0.norm2", "norm", "head.fc",
                                              "loss"});
    REQUIRE(multiply_adds == std::vector<int64_t>{4 * 12 * 4 + 16, 192 + 128 + 64, 16, 256, 16, 16, 12, 0});
    REQUIRE(layers[1].output == Shape{5, 2, 2, 4});
    REQUIRE(layers[1].flops() == 2 * layers[1].multiply_adds);
}

TEST_CASE("the costs count the bytes that the tape of a training step holds") {
    for (const char* name : {"nano", "micro"})
        for (const int64_t batch : {1, 3})
            REQUIRE(bytes_counted(named_config(name), batch, DType::float32) ==
                    bytes_on_tape(named_config(name), batch, DType::float32));
    REQUIRE(bytes_counted(named_config("nano"), 2, DType::float64) ==
            bytes_on_tape(named_config("nano"), 2, DType::float64));
}

TEST_CASE("the costs follow every switch: parameters by name, bytes on the tape") {
    const std::vector<nlohmann::json> changes{{{"qkv_bias", false}},
                                              {{"key_bias", true}},
                                              {{"drop_path_rate", 0}},
                                              {{"extra_norm_every", 1}},
                                              {{"norm", "pre"}},
                                              {{"norm", "post"}},
                                              {{"norm", "sandwich"}},
                                              {{"norm", "pre"}, {"extra_norm_every", 2}},
                                              {{"norm", "post"}, {"drop_path_rate", 0}, {"extra_norm_every", 2}},
                                              {{"merging_norm", "before"}},
                                              {{"attention", "dot"}},
                                              {{"position_bias", "linear-cpb"}},
                                              {{"position_bias", "table"}},
                                              {{"position_bias", "none"}},
                                              {{"position_embedding", "absolute"}},
                                              {{"cpb_formula", "paper"}},
                                              {{"padding_order", "after-shift"}},
                                              {{"drop_rate", 0.5}},
                                              {{"proj_drop_rate", 0.5}},
                                              {{"proj_drop_rate", 0.5}, {"norm", "pre"}},
                                              {{"sequential_attention", true}},
                                              {{"sequential_attention", true}, {"architecture", "swin"}},
                                              {{"checkpoint_blocks", true}},
                                              {{"checkpoint_blocks", true}, {"norm", "sandwich"}},
                                              {{"architecture", "swin"}}};
    for (const nlohmann::json& change : changes) {
        const SwinConfig config = config_from_json(change, custom());
        INFO(change.dump());
        require_parameters_by_name(config);
        for (const DType dtype : {DType::float32, DType::float64})
            REQUIRE(bytes_counted(config, 2, dtype) == bytes_on_tape(config, 2, dtype));
    }
}

TEST_CASE("a step on meta costs what is counted from the configuration") {
    const std::vector<nlohmann::json> changes{nlohmann::json::object(),
                                              {{"norm", "pre"}},
                                              {{"norm", "sandwich"}, {"drop_path_rate", 0}},
                                              {{"merging_norm", "before"}},
                                              {{"position_bias", "none"}},
                                              {{"sequential_attention", true}},
                                              {{"architecture", "swin"}},
                                              {{"position_embedding", "absolute"}}};
    for (const nlohmann::json& change : changes) {
        INFO(change.dump());
        const SwinConfig config = config_from_json(change, custom());
        const auto layers = layer_costs(config, 2);
        const OnMeta on_meta(config, 2);
        REQUIRE(on_meta.multiply_adds == total_cost(layers).multiply_adds);
        REQUIRE(on_meta.saved_bytes == total_cost(layers).saved_bytes);
    }
    const auto layers = layer_costs(named_config("nano"), 3);
    const OnMeta on_meta(named_config("nano"), 3);
    REQUIRE(on_meta.by_scope.size() == 10);  // a block is one scope
    REQUIRE(on_meta.parameters == total_cost(layers).parameters);
    REQUIRE(on_meta.multiply_adds == total_cost(layers).multiply_adds);
    REQUIRE(on_meta.saved_bytes == total_cost(layers).saved_bytes);
    for (const auto& [scope, multiply_adds] : on_meta.by_scope) {
        int64_t expected = 0;
        for (const LayerCost& layer : layers)
            if (layer.name == scope || layer.name.starts_with(scope + ".")) expected += layer.multiply_adds;
        INFO(scope);
        REQUIRE(multiply_adds == expected);
    }
}

TEST_CASE("a model of three thousand million parameters is counted on meta") {
    const SwinConfig giant = named_config("giant");
    REQUIRE(OnMeta(giant, 64).multiply_adds == total_cost(layer_costs(giant, 64)).multiply_adds);
}

TEST_CASE("a tensor on meta has a shape and no values") {
    const Tensor x = Tensor::zeros({2, 3}, DType::float32, Device::meta);
    REQUIRE(x.describe() == "float32 [2, 3] on meta");
    REQUIRE(gelu(x + x).shape() == Shape{2, 3});
    REQUIRE(error_of([&] { x.values(); }) == "[device] a tensor on meta has a shape and no values: none can be read");
    REQUIRE(error_of([&] {
                x + Tensor::zeros({2, 3});
            }) == "[add] a is float32 [2, 3] on meta, but b is float32 [2, 3] on cpu: all must be on one device");
}

TEST_CASE("costs of what cannot be are refused") {
    REQUIRE(error_of([] { layer_costs(named_config("nano"), 0); }) == "[costs] the batch must be 1 to 1000000, got 0");
    SwinConfig odd = named_config("nano");
    odd.embed_dim = 50;
    REQUIRE(error_of([&] { layer_costs(odd, 1); }) == "[config] 50 channels of stage 0 do not divide into 3 heads");
}
