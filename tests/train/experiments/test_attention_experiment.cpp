// Attention weights in plain operations, and what the experiment attention makes of them. Its command:
// test_experiments.sh.

#include "ops/attention/plain_attention.h"
#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/experiments/attention.h"
#include "train/program/explain/attention_maps.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

TEST_CASE(
    "attention weights of a query sum to 1, and a scale above the clamp counts as 100, as in the fused operation") {
    const WindowMap map = make_window_map({5, 6}, {3, 4}, {1, 2});
    const std::vector<Tensor> in{random_tensor({2, 5, 6, 3 * 2 * 7}, Random{6, 1}), random_tensor({42}, Random{6, 2}),
                                 Tensor::from({2, 1, 1}, std::vector<double>{1.3, 6.0}),
                                 random_tensor({5 * 7, 2}, Random{6, 4})};
    const auto weights = attention_weights(in[0], in[1], 2, in[2], in[3], map).weights;
    REQUIRE(weights.shape() == Shape{2 * map->windows, 2, 12, 12});
    const auto values = weights.values();
    for (size_t row = 0; row < values.size(); row += 12) {
        double sum = 0;
        for (size_t key = 0; key < 12; ++key) sum += values[row + key];
        REQUIRE(sum == Approx(1));
    }
    REQUIRE(largest_disagreement([&](const auto& x) { return cosine_attention(x[0], x[1], x[2], x[3], map); },
                                 [&](const auto& x) { return plain_attention(x[0], x[1], 2, x[2], x[3], map); },
                                 in) < 1e-10);
}

TEST_CASE("a layer's weights are those that its result is made with") {
    SwinConfig config = small_swin();
    config.img_size = {16, 16};  // whole windows
    const bool dot = GENERATE(false, true);
    if (dot) config.attention = AttentionKind::dot;
    SwinV2 model(config);
    const Parameters parameters(model, DType::float64, Random{1, 1});
    const Tensor images = random_tensor({2, config.img_size.rows, config.img_size.columns, 3}, Random{2, 0});
    int64_t seen = 0;
    ForwardOptions options;
    options.observe_attention = [&](int64_t block, const WindowAttention& attention, const Tensor& x) {
        REQUIRE(block == seen++);
        const int64_t C = x.shape()[3], h = attention.weights(x).shape()[1];
        Tensor identity = Tensor::zeros({C, C}, DType::float64);
        for (int64_t i = 0; i < C; ++i) identity.data<double>()[i * C + i] = 1;
        Tensor(attention.proj.weight.value).copy_from(identity);
        Tensor v = linear(x, attention.qkv.weight, qkv_bias(attention.q_bias, attention.v_bias));
        v = window_partition(v, attention.map());  // [B nW, N, 3C]
        const int64_t windows = v.shape()[0], N = v.shape()[1];
        v = reshape(slice(permute(reshape(v, {windows, N, 3, h, C / h}), {2, 0, 3, 1, 4}), 0, 2, 3),
                    {windows, h, N, C / h});
        const Tensor o = permute(matmul(attention.weights(x), v), {0, 2, 1, 3});
        const Tensor expected = window_reverse(reshape(o, {windows, N, C}), attention.map());
        REQUIRE(largest_difference(attention.forward(x), expected) < 1e-12);
        REQUIRE(attention.score_scales().size() == (dot ? 0 : static_cast<size_t>(h)));
    };
    const NoGrad no_recording;
    model.forward(images, options);
    REQUIRE(seen == 3);
}

TEST_CASE("the largest key's share is a mean over queries, of each head") {
    BlockAttention attention{make_window_map({1, 2}, {1, 2}, {0, 0}), Tensor::empty({1, 2, 2, 2}), {}};
    const std::vector<float> weights{0.9f, 0.1f, 0.4f, 0.6f, 0.5f, 0.5f, 0.5f, 0.5f};
    std::copy(weights.begin(), weights.end(), attention.weights.data<float>());
    const auto heads = largest_keys(attention);
    REQUIRE(heads.size() == 2);
    REQUIRE(heads[0].share == Approx(0.75));
    REQUIRE(heads[0].dominated == 1);
    REQUIRE(heads[1].share == Approx(0.5));
    REQUIRE(heads[1].dominated == 0);
}

TEST_CASE("where a token looks is drawn with windows and shift undone") {
    BlockAttention attention{make_window_map({4, 4}, {2, 2}, {1, 1}), Tensor::empty({2 * 4, 1, 4, 4}), {}};
    for (int64_t i = 0; i < attention.weights.numel(); ++i)
        attention.weights.data<float>()[i] = static_cast<float>(i + 1);
    // Token 5 begins the window of tokens 5, 6, 9, 10, which is the first one.
    std::vector<double> expected(16);
    expected[5] = 1, expected[6] = 2, expected[9] = 3, expected[10] = 4;
    REQUIRE(where_it_looks(attention, 0, 0, 5) == expected);
    for (double& value : expected) value = value > 0 ? value + 64 : 0;
    REQUIRE(where_it_looks(attention, 1, 0, 5) == expected);
    // Token 0 is the last of the last window, which has the four corners.
    std::vector<double> corners(16);
    corners[15] = 61, corners[12] = 62, corners[3] = 63, corners[0] = 64;
    REQUIRE(where_it_looks(attention, 0, 0, 0) == corners);
    REQUIRE(error_of([&] { where_it_looks(attention, 0, 0, 16); }) == "[attention] the map has no token 16");
}

TEST_CASE("a model's attention is looked at on the CPU, whatever it computes in, and tau starts at 0.1") {
    const SwinConfig config = small_swin();
    const Tensor images =
        random_tensor({3, config.img_size.rows, config.img_size.columns, 3}, Random{2, 0}).to(DType::float32);
    std::vector<std::vector<double>> shares;
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
        SwinV2 model(config);
        const Parameters parameters(model, dtype, Random{1, 1});
        const auto blocks = attention_of(config, parameters, images);
        REQUIRE(blocks.size() == 3);
        shares.emplace_back();
        for (const BlockAttention& block : blocks) {
            REQUIRE(block.images() == 3);
            for (const double tau : block.temperatures) REQUIRE(tau == Approx(0.1));
            for (const LargestKey& head : largest_keys(block)) shares.back().push_back(head.share);
        }
    }
    REQUIRE(shares[0] == shares[1]);
}

TEST_CASE("attention's findings compare kinds over seeds and say where an effect does not show") {
    const auto result = [](double share, bool cosine) {
        const std::vector<double> tau = cosine ? std::vector{0.01, 0.2} : std::vector<double>{};
        const auto blocks = [&](double first) {
            return json::array({{{"share", {first, 0.1}}, {"dominated", {0.5, 0.0}}, {"temperature", tau}}});
        };
        const json picture{{"title", "block 1, head 1"}, {"columns", 1}, {"marked", 0}, {"values", {share}}};
        return json{{"stopped", ""},
                    {"accuracy", 50},
                    {"keys", {4}},
                    {"pictures", {{"image", {1, 2, 3}}, {"columns", 1}, {"blocks", {picture}}}},
                    {"probes", {{{"step", 0}, {"blocks", blocks(0.1)}}, {{"step", 9}, {"blocks", blocks(share)}}}}};
    };
    AttentionResults results{2, {}};
    results.all = {result(0.30, false), result(0.32, false), result(0.50, false),
                   result(0.52, false), result(0.70, true),  result(0.72, true)};
    results.all[1]["stopped"] = "it failed";
    const Findings findings = attention_findings(results);
    REQUIRE(findings.tables[0].rows[1] == std::vector<std::string>{"res-post, dot", "0.100 +- 0.000", "0.305 +- 0.007",
                                                                   "0.510 +- 0.014", "25.0 +- 0.0", "50.0 +- 0.0"});
    REQUIRE(findings.tables[1].rows[0] == std::vector<std::string>{"1", "0.0100 +- 0.0000", "0.2000 +- 0.0000"});
    REQUIRE(findings.seen[0] ==
            "Trained, a query gives 0.305 +- 0.007 of its weight to its largest key with res-post, dot, and "
            "0.405 +- 0.007 with res-post, cosine: less, so the paper's finding does not show at this size.");
    REQUIRE(contains(findings.seen[1], "more, as the paper says of res-post-norm."));
    REQUIRE(findings.seen[3] ==
            "tau went from 0.1 to between 0.010 and 0.200; 2 of 4 heads came to the floor of 0.01.");
    REQUIRE(findings.seen.back() == "pre, dot: training stopped, as it failed.");
    REQUIRE(findings.figures[0].figure.series[2].y.at(0) == Approx(0.405));
    REQUIRE(findings.figures[1].figure.series[0].x == std::vector<double>{0, 9});
    REQUIRE(findings.figures.back().figure.maps.size() == 2);
}
