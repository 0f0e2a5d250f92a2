// Frozen parameters: which they are, that they get no gradient, and that nobody else's changes.
#include "models/nn/containers.h"
#include "models/nn/convolution.h"
#include "models/nn/freeze.h"
#include "models/nn/parameters.h"
#include "ops/ops.h"
#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <set>

using namespace swingrad;
using namespace swingrad::test;

namespace {

std::set<std::string> frozen_of(Module& model, const std::string& patterns) {
    const int64_t count = freeze(model, patterns);
    std::set<std::string> names;
    for (const auto& [name, parameter] : model.parameters())
        if (parameter->frozen) names.insert(name);
    REQUIRE(static_cast<int64_t>(names.size()) == count);
    return names;
}

struct GradientsOf {
    std::map<std::string, Tensor> of;  // parameters that got one
    size_t nodes = 0;
};

// Of sum(logits^2), with these patterns frozen (empty: none).
GradientsOf gradients_with(const SwinConfig& config, const std::string& patterns, DType dtype = DType::float32,
                           Device device = Device::cpu) {
    SwinV2 model(config);
    if (!patterns.empty()) freeze(model, patterns);
    const Parameters parameters(model, dtype, Random{3, 0}, device);
    for (const auto& entry : parameters.entries())  // norms at the ends of branches begin at 0, and hide what is behind
        if (entry.name.find("norm") != std::string::npos)
            entry.value.copy_from(random_tensor(entry.shape, Random{5, static_cast<uint64_t>(entry.offset)})
                                      .to(entry.value.dtype())
                                      .on(device));
    parameters.renew_copies();
    const Tensor images = random_tensor({2, config.img_size.rows, config.img_size.columns, 3}, Random{7, 0});
    parameters.zero_grad();
    Tape tape;
    const Tensor logits = model.forward(model.as_input(images.to(DType::float32)));
    GradientsOf result;
    result.nodes = tape.size();
    tape.backward(logits, logits.detached());
    for (const auto& entry : parameters.entries())
        if (entry.trained() && gradient(entry.leaf).defined())
            result.of[entry.name] = gradient(entry.leaf).on_cpu().clone();
    return result;
}

// What is not frozen has the gradient that it has with nothing frozen; what is frozen has none.
void require_same_rest(const SwinConfig& config, const std::string& patterns, DType dtype, Device device) {
    INFO(patterns);
    const GradientsOf all = gradients_with(config, "", dtype, device),
                      some = gradients_with(config, patterns, dtype, device);
    SwinV2 model(config);
    const std::set<std::string> frozen = frozen_of(model, patterns);
    REQUIRE(some.of.size() == all.of.size() - frozen.size());
    for (const auto& [name, value] : all.of) {
        INFO(name);
        REQUIRE(some.of.contains(name) == !frozen.contains(name));
        if (!frozen.contains(name)) REQUIRE(same_bits(some.of.at(name), value));
    }
}

}  // namespace

TEST_CASE("a pattern names parameters by their whole name or that of a module around them") {
    SwinV2 model(small_swin());
    REQUIRE(frozen_of(model, "patch_embed") == std::set<std::string>{"patch_embed.proj.weight", "patch_embed.proj.bias",
                                                                     "patch_embed.norm.weight",
                                                                     "patch_embed.norm.bias"});
    REQUIRE(frozen_of(model, "head.fc.weight") == std::set<std::string>{"head.fc.weight"});
    REQUIRE(frozen_of(model, "head.fc.[!w]*,norm.weigh?") == std::set<std::string>{"head.fc.bias", "norm.weight"});
    REQUIRE(frozen_of(model, "layers.*.blocks.[01].attn.q_bias").size() == 3);
    REQUIRE(frozen_of(model, "*.bias").contains("layers.0.blocks.1.mlp.fc2.bias"));
    const size_t all = model.parameters().size();
    REQUIRE(frozen_of(model, "patch_embed,layers,norm").size() == all - 2);  // and what was frozen before is not
    REQUIRE(frozen_of(model, "norm").size() == 2);                           // not layers.0.blocks.0.norm1
}

TEST_CASE("a pattern that names nothing, or everything, is refused, and nothing is frozen by it") {
    SwinV2 model(small_swin());
    const auto refused = [&](const std::string& patterns) { return error_of([&] { freeze(model, patterns); }); };
    REQUIRE(refused("layer.0") == "[freeze] \"layer.0\" names no parameter; did you mean layers.0?");
    REQUIRE(refused("patch_embed,backbone.stem") ==
            "[freeze] \"backbone.stem\" names no parameter; they are called as \"patch_embed.proj.weight\" is");
    REQUIRE(refused("ayers.0").find("names no parameter") != std::string::npos);  // no part of a name
    REQUIRE(refused("*") == "[freeze] \"*\" names all 62 parameters: nothing is left to train");
    REQUIRE(refused("norm,,head") == "[freeze] \"norm,,head\" holds an empty pattern");
    REQUIRE(refused("norm,") == "[freeze] \"norm,\" holds an empty pattern");
    for (const auto& [name, parameter] : model.parameters()) REQUIRE_FALSE(parameter->frozen);
}

TEST_CASE("freezing any part of a Swin takes its gradients and changes no other") {
    SwinConfig v2 = small_swin(), v1 = small_swin(), checkpointed = small_swin(), sandwich = small_swin();
    use_v1_switches(v1);
    checkpointed.checkpoint_blocks = true;
    sandwich.norm = NormPlacement::sandwich;
    sandwich.sequential_attention = true;
    for (const SwinConfig& config : {v2, v1, checkpointed, sandwich})
        for (const char* patterns :
             {"patch_embed", "patch_embed,layers.0", "layers.0.blocks.1", "*.bias", "*.weight", "*.attn", "*.mlp.fc1",
              "*.mlp.fc2.weight", "*.qkv", "*norm*", "patch_embed,layers,norm", "head", "layers.1"})
            require_same_rest(config, patterns, DType::float32, Device::cpu);
    for (const char* patterns : {"*.logit_scale,*.cpb_mlp.0", "*.cpb_mlp.2.weight", "*.q_bias", "*.v_bias"})
        require_same_rest(v2, patterns, DType::float32, Device::cpu);
    require_same_rest(v2, "patch_embed,layers.0", DType::bfloat16, Device::cpu);
    require_same_rest(v1, "*.relative_position_bias_table", DType::float32, Device::cpu);
    const PlainLoops plain;
    for (const char* patterns : {"patch_embed,layers.0", "*.bias", "*.mlp.fc1", "*norm*"})
        require_same_rest(v2, patterns, DType::float32, Device::cpu);
}

TEST_CASE("freezing parts of a Swin changes no other gradient, by kernels") {
    for (const char* patterns : {"patch_embed,layers.0", "*.bias", "*.mlp.fc1,*.qkv", "*norm*"})
        require_same_rest(small_swin(), patterns, DType::float32, Device::cuda);
}

TEST_CASE("nothing is recorded before the first parameter that is trained") {
    const size_t all = gradients_with(small_swin(), "").nodes;
    REQUIRE(gradients_with(small_swin(), "patch_embed,layers,norm").nodes == 1);  // the classifier
    const size_t half = gradients_with(small_swin(), "patch_embed,layers.0").nodes;
    REQUIRE((half > 1 && half < all));
    REQUIRE(gradients_with(small_swin(), "head").nodes == all);
}

TEST_CASE("what is frozen is counted, and asked for no gradient") {
    SwinV2 model(small_swin());
    freeze(model, "patch_embed,layers,norm");
    const Parameters parameters(model, DType::float32, Random{});
    REQUIRE(parameters.frozen_count() == parameters.count() - (8 * 3 + 3));
    parameters.zero_grad();
    REQUIRE(parameters.without_gradient() == std::vector<std::string>{"head.fc.weight", "head.fc.bias"});
}

TEST_CASE("a frozen batch norm normalises by its running statistics and leaves them") {
    struct Model : Module {
        BatchNorm2d first{2}, second{2};
        Model() {
            declare("first", first);
            declare("second", second);
        }
        Tensor forward(const Tensor& x) const override { return second(first(x)); }
    };
    const auto statistics_after = [](const std::string& patterns) {
        Model model;
        freeze(model, patterns);
        const Parameters parameters(model, DType::float64, Random{});
        model.train(Random{1, 1});
        model.forward(random_tensor({2, 3, 3, 2}, Random{2, 2}));
        return std::pair{model.first.running_mean.value.values(), model.second.running_mean.value.values()};
    };
    const std::vector<double> start{0, 0};
    const auto [first, second] = statistics_after("first");
    REQUIRE(first == start);
    REQUIRE(second != start);
    REQUIRE(statistics_after("first.weight").first != start);  // trained in part: by the batch
}
