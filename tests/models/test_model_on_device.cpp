// Whole models by kernels against the same by the CPU's loops: that every operation of a model is there, that every
// constant is where it is needed, and that nothing is lost between them.
#include "cuda/runtime/runtime.h"
#include "models/nn/parameters.h"
#include "models/swin/swin_v2.h"
#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// With heads of six and of four columns.
SwinConfig small() {
    SwinConfig config = small_swin();
    config.embed_dim = 6;
    config.num_heads = {1, 3};
    config.drop_path_rate = 0;
    return config;
}

struct NamedConfig {
    std::string name;
    SwinConfig config;
    bool training = false;
};

std::vector<NamedConfig> configurations() {
    const auto changed = [](const std::function<void(SwinConfig&)>& change) {
        SwinConfig config = small();
        change(config);
        return config;
    };
    const auto drop_path = [](SwinConfig& config) { config.drop_path_rate = 0.6; };
    const auto drop = [](SwinConfig& config) {
        config.drop_rate = 0.3;
        config.proj_drop_rate = 0.3;
        config.drop_path_rate = 0.5;
    };
    return {
        {"Swin V2", small()},
        {"Swin V1", changed(use_v1_switches)},
        {"Swin V2 without padding, with an extra norm", changed([](SwinConfig& config) {
             config.img_size = {16, 16};
             config.extra_norm_every = 1;
         })},
        {"Swin V2 padded after the shift, without a bias of q, k and v", changed([](SwinConfig& config) {
             config.padding_order = PaddingOrder::after_shift;
             config.qkv_bias = false;
         })},
        {"Swin V2 with sequential attention and the paper's position bias", changed([](SwinConfig& config) {
             config.sequential_attention = true;
             config.cpb_formula = CpbFormula::paper;
         })},
        {"sandwich norms, dot product, linear position bias", changed([](SwinConfig& config) {
             config.norm = NormPlacement::sandwich;
             config.attention = AttentionKind::dot;
             config.position_bias = PositionBias::linear_cpb;
         })},
        {"post norms, no position bias, V1's merging", changed([](SwinConfig& config) {
             config.norm = NormPlacement::post;
             config.position_bias = PositionBias::none;
             config.merging_norm = MergingNorm::before;
         })},
        {"Swin V2 with absolute positions",
         changed([](SwinConfig& config) { config.position_embedding = PositionEmbedding::absolute; })},
        // The loops leave out what drop path drops, in the first stage's second block a branch of the whole batch; the
        // kernels compute it.
        {"Swin V2 in training, with drop path", changed(drop_path), true},
        {"sandwich norms in training, with drop path", changed([&](SwinConfig& config) {
             drop_path(config);
             config.norm = NormPlacement::sandwich;
         }),
         true},
        {"Swin V1 in training, with drop path", changed([&](SwinConfig& config) {
             drop_path(config);
             use_v1_switches(config);
             config.checkpoint_blocks = true;
         }),
         true},
        {"post norms in training, with drop path", changed([&](SwinConfig& config) {
             drop_path(config);
             config.norm = NormPlacement::post;
         }),
         true},
        {"Swin V2 in training, with dropout everywhere", changed(drop), true},
        {"Swin V1 in training, with checkpointed blocks and dropout", changed([&](SwinConfig& config) {
             use_v1_switches(config);
             drop(config);
             config.checkpoint_blocks = true;
         }),
         true},
    };
}

// What a model computes from random parameters (norm gains and logit scales around 1) and images: logits, then the
// gradient of every parameter for a random cotangent. All on the CPU, in the dtype they came in.
struct Results {
    std::vector<std::string> names;
    std::vector<Tensor> values;
};

Results results(const NamedConfig& one, DType dtype, Device device) {
    SwinV2 model(one.config);
    const Parameters parameters(model, dtype, Random{}, device);
    uint64_t stream = 0;
    for (const auto& entry : parameters.entries()) {
        const bool gain = entry.name.find("norm") != std::string::npos && entry.name.ends_with("weight");
        const bool around_one = gain || entry.name.ends_with("logit_scale");
        const Tensor value = random_tensor(entry.shape, Random{19, ++stream}, 0.3, around_one ? 1 : 0);
        entry.value.copy_from(value.to(DType::float32).to(entry.value.dtype()).on(device));
    }
    parameters.renew_copies();
    const auto given = [&](const Shape& shape, uint64_t seed) {
        return random_tensor(shape, Random{19, seed}).to(DType::float32).to(dtype).on(device);
    };
    const Extent size = one.config.img_size;
    const ForwardOptions options{.training = one.training, .random = Random{5, 5}};
    Tape tape;
    const Tensor logits = model.forward(given({3, size.rows, size.columns, 3}, 0), options);
    tape.backward(logits, given(logits.shape(), 1000));
    Results all{{"logits"}, {logits.detached().on_cpu()}};
    for (const auto& entry : parameters.entries()) {
        INFO(entry.name);
        REQUIRE(gradient(entry.leaf).defined());
        all.names.push_back(entry.name);
        all.values.push_back(gradient(entry.leaf).on_cpu());
    }
    return all;
}

double largest(const Tensor& tensor) {
    double found = 0;
    for (const double value : tensor.values()) found = std::max(found, std::abs(value));
    return found;
}

// Of the logits, in units of the largest; of gradients, in units of the largest of its parameter, or a hundredth of the
// largest of all where that is more: some are 0 but for rounding.
void require_agreement(const Results& kernels, const Results& loops, double tolerance) {
    double largest_gradient = 0;
    for (size_t i = 1; i < loops.values.size(); ++i)
        largest_gradient = std::max(largest_gradient, largest(loops.values[i]));
    for (size_t i = 0; i < loops.values.size(); ++i) {
        const double unit = std::max(largest(loops.values[i]), i > 0 ? 0.01 * largest_gradient : 0);
        INFO(loops.names[i]);
        REQUIRE(largest_difference(kernels.values[i], loops.values[i]) / unit < tolerance);
    }
}

}  // namespace

TEST_CASE("a model's logits and the gradients of all its parameters by kernels are those of the CPU's loops") {
    for (const NamedConfig& one : configurations()) DYNAMIC_SECTION(one.name) {
            require_agreement(results(one, DType::float64, Device::cuda), results(one, DType::float64, Device::cpu),
                              1e-9);
            require_agreement(results(one, DType::float32, Device::cuda), results(one, DType::float32, Device::cpu),
                              1e-4);
        }
}

TEST_CASE("a model in mixed precision gives float32's logits and gradients but for bfloat16's rounding") {
    for (const NamedConfig& one : configurations()) DYNAMIC_SECTION(one.name) {
            const Device device = GENERATE(Device::cpu, Device::cuda);
            INFO(name_of(device));
            const Results mixed = results(one, DType::bfloat16, device),
                          full = results(one, DType::float32, Device::cpu);
            REQUIRE(mixed.values[0].dtype() == DType::bfloat16);
            REQUIRE(largest_difference(mixed.values[0], full.values[0]) / largest(full.values[0]) < 0.05);
            // All gradients as one vector: the angle between the two.
            double product = 0, of_mixed = 0, of_full = 0;
            for (size_t i = 1; i < full.values.size(); ++i) {
                const auto a = mixed.values[i].values(), b = full.values[i].values();
                for (size_t k = 0; k < a.size(); ++k)
                    product += a[k] * b[k], of_mixed += a[k] * a[k], of_full += b[k] * b[k];
            }
            REQUIRE(product / std::sqrt(of_mixed * of_full) > 0.999);
        }
}

TEST_CASE("a model's kernels give the same bits in two runs, in whatever order threads run") {
    for (const NamedConfig& one : configurations()) DYNAMIC_SECTION(one.name) {
            const Results first = results(one, DType::float32, Device::cuda);
            const uint32_t before = cuda::permute_threads(3);
            const Results second = results(one, DType::float32, Device::cuda);
            cuda::permute_threads(before);
            for (size_t i = 0; i < first.values.size(); ++i) {
                INFO(first.names[i]);
                REQUIRE(same_bits(first.values[i], second.values[i]));
            }
        }
}
