// Attention over a sequence, with and without the causal mask, by each operation that computes it: the fast paths, the
// plain loops, the kernels, and the composition of plain operations.

#include "ops/attention/plain_attention.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <optional>

using namespace swingrad;
using namespace swingrad::test;

namespace {

struct Way {
    const char* name;
    Device device;
    bool plain;
};
const Way ways[] = {
    {"fast path", Device::cpu, false}, {"plain loops", Device::cpu, true}, {"kernels", Device::cuda, false}};

// The value of f, then its gradients.
std::vector<Tensor> results_of(const Way& way, const Function& f, const std::vector<Tensor>& inputs,
                               const Tensor& cotangent) {
    std::optional<PlainLoops> loops;
    if (way.plain) loops.emplace();
    const std::vector<Tensor> there = on(way.device, inputs);
    std::vector<Tensor> results = gradients_of(f, there, cotangent.on(way.device));
    results.insert(results.begin(), f(there));
    return on(Device::cpu, results);
}

struct Attention {
    std::string name;
    std::vector<Tensor> inputs;  // the sequences first
    Function f;
    Function composed;  // of plain operations
};

// Each operation, of B sequences: with a position bias and without, cosine and dot product.
std::vector<Attention> attentions(const WindowMap& map, int64_t B, int64_t h, int64_t D) {
    const int64_t C = h * D, T = map->tokens;
    const auto of = [](const Shape& shape, uint64_t i, double spread = 1) {
        return random_tensor(shape, Random{9, i}, spread);
    };
    const Tensor qkv = of({B, 1, T, 3 * C}, 1), scales = random_tensor({h, 1, 1}, Random{9, 2}, 0.5, 1.5),
                 table = of({map->offsets(), h}, 3);
    using In = const std::vector<Tensor>&;
    const double spread = 1 / std::sqrt(static_cast<double>(C));
    return {{"dot_attention",
             {qkv},
             [=](In in) { return dot_attention(in[0], {}, h, {}, map); },
             [=](In in) { return plain_attention(in[0], {}, h, {}, {}, map); }},
            {"cosine_attention",
             {qkv, scales, table},
             [=](In in) { return cosine_attention(in[0], {}, in[1], in[2], map); },
             [=](In in) { return plain_attention(in[0], {}, h, in[1], in[2], map); }},
            {"sequential_attention",
             {qkv},
             [=](In in) { return sequential_attention(in[0], {}, h, {}, {}, map); },
             [=](In in) { return plain_attention(in[0], {}, h, {}, {}, map); }},
            {"sequential_attention with all",
             {qkv, scales, table},
             [=](In in) { return sequential_attention(in[0], {}, h, in[1], in[2], map); },
             [=](In in) { return plain_attention(in[0], {}, h, in[1], in[2], map); }},
            {"multi_head_attention",
             {of({B, 1, T, C}, 4), of({3 * C, C}, 5, spread), of({3 * C}, 6), of({C, C}, 7, spread), of({C}, 8)},
             [=](In in) { return multi_head_attention(in[0], in[1], in[2], h, {}, {}, in[3], in[4], map); },
             [=](In in) {
                 return linear(plain_attention(linear(in[0], in[1], in[2]), {}, h, {}, {}, map), in[3], in[4]);
             }}};
}

std::vector<Tensor> in_float(const std::vector<Tensor>& tensors) {
    std::vector<Tensor> result;
    for (const Tensor& tensor : tensors) result.push_back(tensor.to(DType::float32));
    return result;
}

// Whole vectors and not, less than a tile or a block, one, and several with a part.
constexpr int64_t lengths[] = {1, 5, 17, 65, 130};

}  // namespace

TEST_CASE("causal attention of three tokens, worked by hand") {
    // One head of one number: q = (1, 1, 0), k = (0, ln 3, 5), v = (4, 0, 5). The first token sees itself: 4. The
    // second's scores are 0 and ln 3, its weights 1/4 and 3/4, its result 1; the third's are all 0, its result 3.
    const double ln3 = std::log(3.0);
    const WindowMap map = make_sequence_map(3, true);
    const Tensor qkv = Tensor::from({1, 1, 3, 3}, std::vector<double>{1, 0, 4, 1, ln3, 0, 0, 5, 5});
    // Back from the second result alone: dv = P = (1/4, 3/4, 0), dP = v, delta = 1, dS = (3/4, -3/4, 0).
    const Tensor dy = Tensor::from({1, 1, 3, 1}, std::vector<double>{0, 1, 0});
    const std::vector<double> expected{0, 0.75, 0.25, -0.75 * ln3, -0.75, 0.75, 0, 0, 0};
    const Function dot = [&](const auto& in) { return dot_attention(in[0], {}, 1, {}, map); };
    const Function tiles = [&](const auto& in) { return sequential_attention(in[0], {}, 1, {}, {}, map); };
    const Function composed = [&](const auto& in) { return plain_attention(in[0], {}, 1, {}, {}, map); };
    for (const Way& way : ways)
        for (const Function& f :
             way.device == Device::cpu ? std::vector{dot, tiles, composed} : std::vector{dot, tiles}) {
            INFO(way.name);
            const auto results = results_of(way, f, {qkv}, dy);
            const auto y = results[0].values(), d = results[1].values();
            REQUIRE(y[0] == Approx(4));
            REQUIRE(y[1] == Approx(1));
            REQUIRE(y[2] == Approx(3));
            for (size_t i = 0; i < 9; ++i) REQUIRE(d[i] == Approx(expected[i]).margin(1e-14));
        }
}

TEST_CASE("causal attention is PyTorch's") {
    // q, k, v = qkv.view(1, 3, 3, 2, 2).permute(2, 0, 3, 1, 4), with qkv[t, c] = ((7 t + 3 c) % 11 - 5) / 4;
    // y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(3, 4);
    // y.backward(dy), with dy[t, c] = ((5 t + 2 c) % 7 - 3) / 2; PyTorch 2, float64.
    Tensor qkv = Tensor::zeros({1, 1, 3, 12}, DType::float64), dy = Tensor::zeros({1, 1, 3, 4}, DType::float64);
    for (int64_t t = 0; t < 3; ++t) {
        for (int64_t c = 0; c < 12; ++c)
            qkv.data<double>()[t * 12 + c] = static_cast<double>((7 * t + 3 * c) % 11 - 5) / 4;
        for (int64_t c = 0; c < 4; ++c) dy.data<double>()[t * 4 + c] = static_cast<double>((5 * t + 2 * c) % 7 - 3) / 2;
    }
    const std::vector<double> y{-0.7500000000, 0.0000000000,  0.7500000000,  -1.2500000000,
                                0.0096652924,  -0.4340944528, 0.1204399040,  -0.1482698321,
                                -0.1283275159, 0.0883105540,  -0.9163122542, -0.4721926879};
    const std::vector<double> dqkv{
        0.0000000000,  0.0000000000,  0.0000000000,  0.0000000000,  -0.2688547878, -0.7123861771,
        0.0040627500,  0.1659979332,  -0.9340944528, -0.9191552426, 0.1479361751,  1.6296053277,
        0.9879491661,  -0.5645423807, -0.2267475777, -0.2267475777, 0.3568983938,  0.6683643741,
        -0.2869017690, 0.1168410858,  0.4340944528,  -0.4571918864, -0.4816239209, 0.2591654237,
        -0.1291298031, 0.2813198158,  0.3289703500,  -0.4488369522, -0.0880436060, 0.0440218030,
        0.2828390190,  -0.2828390190, 0.0000000000,  0.3763471290,  -1.1663122542, -0.3887707514};
    const WindowMap map = make_sequence_map(3, true);
    const Function dot = [&](const auto& in) { return dot_attention(in[0], {}, 2, {}, map); };
    const Function tiles = [&](const auto& in) { return sequential_attention(in[0], {}, 2, {}, {}, map); };
    for (const Way& way : ways)
        for (const Function& f : {dot, tiles}) {
            INFO(way.name);
            const auto results = results_of(way, f, {qkv}, dy);
            REQUIRE(largest_difference(results[0], Tensor::from({1, 1, 3, 4}, y)) < 1e-10);
            REQUIRE(largest_difference(results[1], Tensor::from({1, 1, 3, 12}, dqkv)) < 1e-10);
        }
}

TEST_CASE("attention over a sequence agrees with the composition of plain operations, causal or not") {
    for (const int64_t T : lengths)
        for (const bool causal : {false, true})
            for (const Attention& of : attentions(make_sequence_map(T, causal), 2, 2, 3)) {
                INFO(of.name << ", " << T << " tokens" << (causal ? ", causal" : ""));
                REQUIRE(largest_disagreement(of.f, of.composed, of.inputs) < 1e-10);
            }
}

TEST_CASE("attention over a sequence: fast path and kernels agree with the plain loops, causal or not") {
    for (const int64_t T : lengths)
        for (const bool causal : {false, true})
            for (const Attention& of : attentions(make_sequence_map(T, causal), 3, 2, 5)) {
                INFO(of.name << ", " << T << " tokens" << (causal ? ", causal" : ""));
                REQUIRE(largest_fast_error(of.f, of.inputs, DType::float64) < 1e-12);
                REQUIRE(largest_fast_error(of.f, of.inputs, DType::float32) < 1e-4);
                REQUIRE(largest_kernel_error(of.f, of.inputs, DType::float64) < 1e-12);
                REQUIRE(largest_kernel_error(of.f, of.inputs, DType::float32) < 1e-4);
            }
}

TEST_CASE("causal attention in float and bfloat16 agrees with double") {
    for (const int64_t T : {int64_t{5}, int64_t{65}})
        for (const Attention& of : attentions(make_sequence_map(T, true), 3, 2, 16)) {
            INFO(of.name << ", " << T << " tokens");
            REQUIRE(largest_float_error(of.f, of.inputs) < 2e-4);
            const bool projects = of.name == "multi_head_attention";
            REQUIRE(largest_bfloat16_error(of.f, of.inputs,
                                           projects ? std::vector<size_t>{0, 1, 3} : std::vector<size_t>{0}) < 0.03);
        }
}

TEST_CASE("causal attention: a token is not influenced by those after it, and passes them no gradient") {
    constexpr int64_t T = 71, h = 2, D = 4;
    for (const Attention& of : attentions(make_sequence_map(T, true), 1, h, D))
        for (const int64_t seen : {int64_t{1}, int64_t{33}, int64_t{70}}) {
            const std::vector<Tensor> before = in_float(of.inputs);
            std::vector<Tensor> after = before;
            after[0] = before[0].clone();
            const int64_t width = after[0].shape()[3], C = h * D;
            for (int64_t i = seen * width; i < T * width; ++i) after[0].data<float>()[i] *= -1000;
            Tensor dy = random_tensor({1, 1, T, C}, Random{9, 9}).to(DType::float32);
            for (int64_t i = seen * C; i < T * C; ++i) dy.data<float>()[i] = 0;
            for (const Way& way : ways) {
                INFO(of.name << ", " << way.name << ", " << seen << " tokens of " << T);
                const auto a = results_of(way, of.f, before, dy), b = results_of(way, of.f, after, dy);
                const auto of_seen = [&](const Tensor& x, int64_t c) { return x.view({T, c}).slice(0, seen); };
                REQUIRE(same_bits(of_seen(a[0], C), of_seen(b[0], C)));
                REQUIRE(same_bits(of_seen(a[1], width), of_seen(b[1], width)));
                const Tensor unseen = b[1].view({T, width}).slice(seen, T);
                REQUIRE(largest_difference(unseen, Tensor::zeros(unseen.shape())) == 0);
            }
        }
}

TEST_CASE("causal attention is finite where all scores are far below 0") {
    // The mask is -infinity and no number to be taken off: a tile, a block or a vector of queries in which some see no
    // key must give none of them a NaN, and no key a weight, however low the scores of those that are seen.
    const WindowMap map = make_sequence_map(70, true);
    Tensor qkv = random_tensor({1, 1, 70, 6}, Random{9, 10}).to(DType::float32);
    for (int64_t t = 0; t < 70; ++t) qkv.data<float>()[t * 6] = 40, qkv.data<float>()[t * 6 + 2] = -40;
    const Tensor dy = random_tensor({1, 1, 70, 2}, Random{9, 11}).to(DType::float32);
    for (const Way& way : ways)
        for (const Attention& of : attentions(map, 1, 1, 2)) {
            if (of.inputs.size() != 1) continue;
            INFO(of.name << ", " << way.name);
            const auto results = results_of(way, of.f, {qkv}, dy);
            REQUIRE(results[0].data<float>()[0] == qkv.data<float>()[4]);  // the first token sees its own value alone
            for (const Tensor& result : results)
                for (const double value : result.values()) REQUIRE(std::isfinite(value));
        }
}

TEST_CASE("causal attention has the same bits on any number of threads, and in any order of a block's threads") {
    const WindowMap map = make_sequence_map(65, true);
    for (const Attention& of : attentions(map, 9, 2, 4)) {
        INFO(of.name);
        const Tensor dy = random_tensor({9, 1, 65, 8}, Random{9, 12});
        REQUIRE(same_on_any_threads(of.f, in_float(of.inputs), dy.to(DType::float32)));
        {
            const PlainLoops plain;
            REQUIRE(same_on_any_threads(of.f, in_float(of.inputs), dy.to(DType::float32)));
        }
    }
    for (const Attention& of : attentions(map, 2, 2, 4))
        REQUIRE(same_in_any_order(of.f, of.inputs, random_tensor({2, 1, 65, 8}, Random{9, 13})));
}

TEST_CASE("attention over no sequences is empty, causal or not") {
    for (const Attention& of : attentions(make_sequence_map(5, true), 0, 2, 4)) {
        INFO(of.name);
        REQUIRE(of.f(of.inputs).shape() == Shape{0, 1, 5, 8});
    }
}
