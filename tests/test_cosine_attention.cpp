#include "ops/ops.h"
#include "tests/catch.h"
#include "tests/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// The same from plain operations: cut into windows, split heads, normalise, multiply, softmax, multiply, put back.
Tensor composed(const Tensor& qkv, const Tensor& padding, const Tensor& logit_scale, const Tensor& bias,
                const WindowMap& map) {
    const int64_t B = qkv.shape()[0], C = qkv.shape()[3] / 3, h = bias.shape()[0], D = C / h, N = map->tokens;
    const int64_t windows = B * map->windows;
    Tensor x = window_partition(qkv, map);
    if (padding.defined()) {
        Tensor indicator = Tensor::zeros({B, map->map.rows, map->map.columns, 1}, qkv.dtype());
        for (double& value : indicator.span<double>()) value = 1;
        indicator = window_partition(indicator, map);
        for (double& value : indicator.span<double>()) value = 1 - value;
        x = add(x, multiply(broadcast_to(indicator, x.shape()), broadcast_to(padding, x.shape())));
    }
    x = permute(reshape(x, {windows, N, 3, h, D}), {2, 0, 3, 1, 4});
    const auto part = [&](int64_t i) { return reshape(rows(x, i, i + 1), {windows, h, N, D}); };
    const Tensor cosine = matmul(l2_normalise(part(0)), permute(l2_normalise(part(1)), {0, 1, 3, 2}));
    Tensor S =
        add(multiply(cosine, broadcast_to(exp(logit_scale), cosine.shape())), broadcast_to(bias, cosine.shape()));
    if (const Tensor mask = shift_mask(*map, qkv.dtype()); mask.defined()) {
        const Shape by_image{B, map->windows, h, N, N};
        S = reshape(add(reshape(S, by_image), broadcast_to(mask.view({1, map->windows, 1, N, N}), by_image)),
                    cosine.shape());
    }
    const Tensor o = permute(matmul(softmax(S), part(2)), {0, 2, 1, 3});
    return window_reverse(reshape(o, {windows, N, C}), map);
}

struct Case {
    Extent map, window, shift;
    int64_t heads, D;
};

std::vector<Tensor> inputs(const Case& c, int64_t B) {
    const int64_t C = c.heads * c.D, N = c.window.rows * c.window.columns;
    return {random_tensor({B, c.map.rows, c.map.columns, 3 * C}, Random{6, 1}), random_tensor({3 * C}, Random{6, 2}),
            random_tensor({c.heads, 1, 1}, Random{6, 3}, 0.5, 1.5), random_tensor({c.heads, N, N}, Random{6, 4})};
}

}  // namespace

TEST_CASE("cosine_attention over one token returns its value") {
    const WindowMap map = make_window_map({1, 1}, {1, 1}, {0, 0});
    const Tensor qkv = Tensor::from({1, 1, 1, 6}, std::vector<double>{1, 2, 3, 4, 5, 6});
    const Tensor y = cosine_attention(qkv, {}, Tensor::zeros({1, 1, 1}, DType::float64),
                                      Tensor::zeros({1, 1, 1}, DType::float64), map);
    REQUIRE(y.values() == std::vector<double>{5, 6});
}

TEST_CASE("cosine_attention agrees with the composition of plain operations") {
    for (const PaddingOrder order : {PaddingOrder::before_shift, PaddingOrder::after_shift})
        for (const Case& c : {Case{{4, 4}, {4, 4}, {0, 0}, 3, 16}, Case{{8, 8}, {4, 4}, {2, 2}, 2, 7},
                              Case{{7, 9}, {3, 4}, {1, 2}, 1, 5}, Case{{5, 5}, {5, 5}, {0, 0}, 5, 1},
                              Case{{7, 7}, {7, 7}, {0, 0}, 2, 33}, Case{{6, 10}, {5, 7}, {2, 3}, 2, 9}}) {
            const WindowMap map = make_window_map(c.map, c.window, c.shift, order);
            const double difference = largest_disagreement(
                [&](const std::vector<Tensor>& in) { return cosine_attention(in[0], in[1], in[2], in[3], map); },
                [&](const std::vector<Tensor>& in) {
                    return map->has_padding
                               ? composed(in[0], in[1], in[2], in[3], map)
                               // keeps `padding` on the tape, with no effect
                               : add(composed(in[0], {}, in[2], in[3], map),
                                     scale(broadcast_to(sum(in[1]), {3, c.map.rows, c.map.columns, c.heads * c.D}), 0));
                },
                inputs(c, 3));
            INFO(c.map.rows << " x " << c.map.columns << ", window " << c.window.rows << " x " << c.window.columns);
            REQUIRE(difference < 1e-11);
        }
}

TEST_CASE("cosine_attention in float agrees with double") {
    const Case c{{8, 8}, {4, 4}, {2, 2}, 3, 16};
    const WindowMap map = make_window_map(c.map, c.window, c.shift);
    const Function f = [&](const std::vector<Tensor>& in) { return cosine_attention(in[0], in[1], in[2], in[3], map); };
    const auto wide = inputs(c, 4);
    std::vector<Tensor> narrow;
    for (const Tensor& tensor : wide) narrow.push_back(tensor.to(DType::float32));
    REQUIRE(largest_difference(f(wide), f(narrow)) < 1e-5);
    const Tensor cotangent = random_tensor({4, 8, 8, 48}, Random{6, 5});
    const auto d_wide = gradients_of(f, wide, cotangent),
               d_narrow = gradients_of(f, narrow, cotangent.to(DType::float32));
    for (size_t i = 0; i < d_wide.size(); ++i) REQUIRE(largest_difference(d_wide[i], d_narrow[i]) < 1e-4);
}

TEST_CASE("cosine_attention's gradients have the same bits on any number of threads") {
    const Case c{{8, 8}, {4, 4}, {2, 2}, 3, 16};
    const WindowMap map = make_window_map(c.map, c.window, c.shift);
    const Function f = [&](const std::vector<Tensor>& in) { return cosine_attention(in[0], in[1], in[2], in[3], map); };
    std::vector<Tensor> in;
    for (const Tensor& tensor : inputs(c, 33)) in.push_back(tensor.to(DType::float32));
    const Tensor cotangent = random_tensor({33, 8, 8, 48}, Random{6, 5}).to(DType::float32);
    REQUIRE(same_on_any_threads(f, in, cotangent));
}

TEST_CASE("a masked key can still win: -100 is not minus infinity") {
    // Two tokens in different regions; a logit scale of 100 puts 200 between cosines of -1 and 1.
    const WindowMap map = make_window_map({1, 4}, {1, 2}, {0, 1});
    Tensor qkv = Tensor::zeros({1, 1, 4, 3}, DType::float64);
    double* token = qkv.data<double>();
    for (int64_t t = 0; t < 4; ++t)
        token[3 * t] = 1, token[3 * t + 1] = t == 3 ? -1 : 1, token[3 * t + 2] = static_cast<double>(t);
    const Tensor bias = Tensor::zeros({1, 2, 2}, DType::float64);
    const Tensor scale = Tensor::from({1, 1, 1}, std::vector<double>{10});  // above the clamp: 100
    // The last window holds tokens 3 and 0. Token 3's own key has cosine -1, the masked token 0's has 1.
    const auto y = cosine_attention(qkv, {}, scale, bias, map).values();
    REQUIRE(y[3] == Approx(0).margin(1e-12));
}

TEST_CASE("a head above the clamp gets no gradient for its scale, a zero row no NaN") {
    const WindowMap map = make_window_map({2, 2}, {2, 2}, {0, 0});
    const Function f = [&](const std::vector<Tensor>& in) { return cosine_attention(in[0], {}, in[1], in[2], map); };
    Tensor qkv = random_tensor({1, 2, 2, 12}, Random{6, 6});
    for (int64_t column = 0; column < 8; ++column) qkv.data<double>()[column] = 0;  // q and k of the first token
    const std::vector<Tensor> in{qkv, Tensor::from({2, 1, 1}, std::vector<double>{4.7, 2}),
                                 random_tensor({2, 4, 4}, Random{6, 7})};
    const auto gradients = gradients_of(f, in, random_tensor({1, 2, 2, 4}, Random{6, 8}));
    REQUIRE(gradients[1].values()[0] == 0);
    REQUIRE(gradients[1].values()[1] != 0);
    for (const double value : gradients[0].values()) REQUIRE(std::isfinite(value));
}

TEST_CASE("cosine_attention says what does not fit") {
    const WindowMap map = make_window_map({3, 3}, {2, 2}, {0, 0});
    const Tensor qkv = Tensor::zeros({1, 3, 3, 12}), bias = Tensor::zeros({2, 4, 4}), scale = Tensor::zeros({2, 1, 1});
    REQUIRE(error_of([&] { cosine_attention(qkv, {}, scale, bias, map); }) ==
            "[cosine_attention] a 3 x 3 map with windows of 2 x 2 has padding, so `padding` [12] is needed");
    REQUIRE(error_of([&] { cosine_attention(qkv, Tensor::zeros({12}), Tensor::zeros({2}), bias, map); }) ==
            "[cosine_attention] logit_scale must be [2, 1, 1], got [2]");
}
