// Every combination of the model's switches against the same from plain operations, and what the switches for memory
// save.
#include "autograd/dual_check.h"
#include "core/allocator.h"
#include "models/nn/parameters.h"
#include "models/swin/plain_swin.h"
#include "models/swin/swin_v2.h"
#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// A model in double with random parameters, norm gains around 1 and logit scales around 1.
struct RandomModel {
    SwinV2 model;
    Parameters parameters;

    explicit RandomModel(const SwinConfig& config) : model(config), parameters(model, DType::float64, Random{}) {
        uint64_t stream = 0;
        for (const auto& entry : parameters.entries()) {
            const bool gain = entry.name.find("norm") != std::string::npos && entry.name.ends_with("weight");
            const bool around_one = gain || entry.name.ends_with("logit_scale");
            entry.value.copy_from(random_tensor(entry.shape, Random{17, ++stream}, 0.3, around_one ? 1 : 0));
        }
    }

    std::map<std::string, Tensor> leaves() const {
        std::map<std::string, Tensor> all;
        for (const auto& entry : parameters.entries()) all[entry.name] = entry.leaf;
        return all;
    }

    // Logits, then the gradient of every parameter for sum(logits^2).
    std::vector<Tensor> results(const std::function<Tensor()>& logits_of) const {
        parameters.zero_grad();
        Tape tape;
        const Tensor logits = logits_of();
        tape.backward(sum(multiply(logits, logits)));
        std::vector<Tensor> all{logits.detached()};
        for (const auto& entry : parameters.entries()) {
            INFO(entry.name);
            REQUIRE(gradient(entry.leaf).defined());
            all.push_back(gradient(entry.leaf).clone());
        }
        return all;
    }
};

double disagreement(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        double unit = 1;
        for (const double value : b[i].values()) unit = std::max(unit, std::abs(value));
        largest = std::max(largest, largest_difference(a[i], b[i]) / unit);
    }
    return largest;
}

void compare_with_plain_operations(const SwinConfig& config) {
    INFO(config_to_json(config).dump());
    const Tensor images = random_tensor({2, config.img_size.rows, config.img_size.columns, 3}, Random{17, 0});
    const RandomModel one(config);
    const auto leaves = one.leaves();
    const auto ours = one.results([&] { return one.model.forward(images); });
    const auto plain = one.results([&] { return PlainSwin(config, leaves).forward(images); });
    REQUIRE(disagreement(ours, plain) < 1e-10);
}

}  // namespace

TEST_CASE("every combination of norm, merging, attention and position bias is what plain operations make of it") {
    using enum PositionBias;
    const std::pair<PositionBias, CpbFormula> biases[] = {
        {log_cpb, CpbFormula::code},     {log_cpb, CpbFormula::paper}, {linear_cpb, CpbFormula::code},
        {linear_cpb, CpbFormula::paper}, {table, CpbFormula::code},    {none, CpbFormula::code}};
    int combination = 0;
    for (const NormPlacement norm :
         {NormPlacement::res_post, NormPlacement::pre, NormPlacement::post, NormPlacement::sandwich})
        for (const MergingNorm merging : {MergingNorm::after, MergingNorm::before})
            for (const AttentionKind attention : {AttentionKind::cosine, AttentionKind::dot})
                for (const auto& [bias, formula] : biases) {
                    SwinConfig config = small_swin();
                    config.norm = norm;
                    config.merging_norm = merging;
                    config.attention = attention;
                    config.position_bias = bias;
                    config.cpb_formula = formula;
                    // The others take turns, in periods that share no factor, so that all meet all.
                    config.key_bias = combination % 2;
                    config.sequential_attention = combination % 3 == 1;
                    config.checkpoint_blocks = combination % 5 == 2;
                    config.extra_norm_every = combination % 7 == 3 ? 1 : 0;
                    config.qkv_bias = combination % 11 != 4;
                    config.padding_order =
                        combination % 13 < 6 ? PaddingOrder::before_shift : PaddingOrder::after_shift;
                    if (combination % 17 < 8) config.position_embedding = PositionEmbedding::absolute;
                    compare_with_plain_operations(config);
                    ++combination;
                }
}

TEST_CASE("a whole Swin's gradient agrees with dual numbers to the second order") {
    SwinConfig cosine = small_swin(), dot = small_swin(), dropping = small_swin();
    dot.attention = AttentionKind::dot;
    dot.position_bias = PositionBias::table;
    dot.norm = NormPlacement::pre;
    dot.position_embedding = PositionEmbedding::absolute;
    dropping.drop_path_rate = 0.5;
    dropping.drop_rate = 0.3;
    dropping.checkpoint_blocks = true;
    for (const SwinConfig& config : {cosine, dot, dropping}) {
        RandomModel one(config);
        const auto parameters = one.model.parameters();
        std::vector<Tensor> values;
        for (const auto& entry : one.parameters.entries()) values.push_back(entry.value);
        const Tensor images = random_tensor({2, 14, 12, 3}, Random{17, 0});
        const Function logits = [&](const std::vector<Tensor>& in) {
            for (size_t i = 0; i < in.size(); ++i) parameters[i].parameter->value = in[i];
            return one.model.forward(images.to(in[0].dtype()), {.training = true, .random = Random{5, 5}});
        };
        const DualErrors errors = dual_check(logits, values, {}, "swin");
        INFO(errors.report);
        REQUIRE(errors.report.empty());
        REQUIRE(errors.second > 0);
    }
}

TEST_CASE("checkpointing blocks changes no bit, with drop path and dropout too") {
    SwinConfig config = small_swin();
    config.drop_path_rate = 0.5;
    config.drop_rate = 0.3;
    const Tensor images = random_tensor({4, 14, 12, 3}, Random{17, 0});
    for (const double proj_drop_rate : {0.0, 0.3}) {  // with 0, what drop path drops is not computed
        config.proj_drop_rate = proj_drop_rate;
        std::vector<std::vector<Tensor>> results;
        for (const bool checkpointed : {false, true}) {
            config.checkpoint_blocks = checkpointed;
            const RandomModel one(config);
            results.push_back(one.results([&] {
                return one.model.forward(images, {.training = true, .random = Random{5, 5}});
            }));
        }
        for (size_t i = 0; i < results[0].size(); ++i) REQUIRE(same_bits(results[0][i], results[1][i]));
    }
}

TEST_CASE("dropout is active in training alone, in each of its places") {
    const Tensor images = random_tensor({2, 14, 12, 3}, Random{17, 0});
    const auto logits = [&](double drop_rate, double proj_drop_rate, bool training) {
        SwinConfig config = small_swin();
        config.drop_rate = drop_rate;
        config.proj_drop_rate = proj_drop_rate;
        config.drop_path_rate = 0;
        return RandomModel(config).model.forward(images, {.training = training, .random = Random{5, 6}});
    };
    const Tensor without = logits(0, 0, true);
    REQUIRE(same_bits(logits(0.5, 0.5, false), without));
    REQUIRE(!same_bits(logits(0.5, 0, true), without));
    REQUIRE(!same_bits(logits(0, 0.5, true), without));
}

TEST_CASE("checkpointing and sequential attention each need less memory than doing without") {
    // One window of 32 x 32 tokens, and four blocks of it.
    SwinConfig config = small_swin();
    config.img_size = {64, 64};
    config.embed_dim = 16;
    config.depths = {4};
    config.num_heads = {2};
    config.window_size = {{32, 32}};
    config.pretrained_window_sizes = {{0, 0}};
    const auto peak_of = [&](bool checkpoint, bool sequential) {
        config.checkpoint_blocks = checkpoint;
        config.sequential_attention = sequential;
        SwinV2 model(config);
        const Parameters parameters(model, DType::float32, Random{1, 1});
        const Tensor images = random_tensor({1, 64, 64, 3}, Random{17, 0}).to(DType::float32);
        release_cached(Device::cpu);
        const size_t before = memory_statistics(Device::cpu).live;
        reset_peak(Device::cpu);
        Tape tape;
        tape.backward(sum(model.forward(images)));
        return memory_statistics(Device::cpu).peak - before;
    };
    const size_t neither = peak_of(false, false), sequential = peak_of(false, true), both = peak_of(true, true);
    INFO("peak bytes: neither " << neither << ", sequential " << sequential << ", both " << both);
    // N x N floats are 4 MB a head; without them what is left is what the tape keeps, of four blocks or of one.
    REQUIRE(neither > sequential + 3 * 4 * 1024 * 1024);
    REQUIRE(both < sequential * 2 / 3);
}
