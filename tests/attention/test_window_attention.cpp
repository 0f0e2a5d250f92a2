#include "ops/attention/plain_attention.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <optional>

using namespace swingrad;
using namespace swingrad::test;

namespace {

struct Case {
    Extent map, window, shift;
    int64_t heads, D;
};

std::vector<Tensor> inputs(const Case& c, int64_t B) {
    const int64_t C = c.heads * c.D, R = (2 * c.window.rows - 1) * (2 * c.window.columns - 1);
    return {random_tensor({B, c.map.rows, c.map.columns, 3 * C}, Random{6, 1}), random_tensor({3 * C}, Random{6, 2}),
            random_tensor({c.heads, 1, 1}, Random{6, 3}, 0.5, 1.5), random_tensor({R, c.heads}, Random{6, 4})};
}

}  // namespace

TEST_CASE("dot_attention of two tokens, worked by hand") {
    // One head of one number: q = (1, 0), k = (0, ln 3), v = (0, 4). The first token's scores are 0 and ln 3, its
    // weights 1/4 and 3/4; the second's scores are both 0.
    const WindowMap map = make_window_map({1, 2}, {1, 2}, {0, 0});
    const Tensor qkv = Tensor::from({1, 1, 2, 3}, std::vector<double>{1, 0, 0, 0, std::log(3.0), 4});
    const Function f = [&](const std::vector<Tensor>& in) { return dot_attention(in[0], {}, 1, {}, map); };
    for (const bool plain : {false, true}) {
        std::optional<PlainLoops> loops;
        if (plain) loops.emplace();
        const auto y = f({qkv}).values();
        REQUIRE(y[0] == Approx(3));
        REQUIRE(y[1] == Approx(2));
        // Back from the first result alone: dv = P, dP = (0, 4), delta = 3, dS = (-3/4, 3/4).
        const Tensor dy = Tensor::from({1, 1, 2, 1}, std::vector<double>{1, 0});
        const auto d = gradients_of(f, {qkv}, dy)[0].values();
        const double expected[] = {0.75 * std::log(3.0), -0.75, 0.25, 0, 0.75, 0.75};
        for (size_t i = 0; i < 6; ++i) REQUIRE(d[i] == Approx(expected[i]).margin(1e-14));
    }
}

TEST_CASE("cosine_attention over one token returns its value") {
    const WindowMap map = make_window_map({1, 1}, {1, 1}, {0, 0});
    const Tensor qkv = Tensor::from({1, 1, 1, 6}, std::vector<double>{1, 2, 3, 4, 5, 6});
    const Tensor y =
        cosine_attention(qkv, {}, Tensor::zeros({1, 1, 1}, DType::float64), Tensor::zeros({1, 1}, DType::float64), map);
    REQUIRE(y.values() == std::vector<double>{5, 6});
}

TEST_CASE("attention's fast path agrees with its plain loops") {
    for (const PaddingOrder order : {PaddingOrder::before_shift, PaddingOrder::after_shift})
        for (const Case& c : {Case{{4, 4}, {4, 4}, {0, 0}, 3, 16}, Case{{8, 8}, {4, 4}, {2, 2}, 2, 7},
                              Case{{7, 9}, {3, 4}, {1, 2}, 1, 5}, Case{{7, 9}, {3, 4}, {1, 2}, 2, 16},
                              Case{{5, 5}, {5, 5}, {0, 0}, 5, 1}, Case{{7, 7}, {7, 7}, {0, 0}, 2, 33},
                              Case{{6, 10}, {5, 7}, {2, 3}, 2, 9}}) {
            const WindowMap map = make_window_map(c.map, c.window, c.shift, order);
            std::vector<Tensor> in = inputs(c, 3);
            in[2].data<double>()[0] = 4.8;  // above the clamp
            const Function cosine = [&](const auto& of) { return cosine_attention(of[0], of[1], of[2], of[3], map); };
            const Function dot = [&](const auto& of) { return dot_attention(of[0], of[1], c.heads, of[2], map); };
            const Function least = [&](const auto& of) { return dot_attention(of[0], of[1], c.heads, {}, map); };
            INFO(c.map.rows << " x " << c.map.columns << ", window " << c.window.rows << " x " << c.window.columns);
            REQUIRE(largest_fast_error(cosine, in, DType::float64) < 1e-12);
            REQUIRE(largest_fast_error(cosine, in, DType::float32) < 3e-4);  // a scale of 100: see the page's Numerics
            REQUIRE(largest_fast_error(dot, {in[0], in[1], in[3]}, DType::float64) < 1e-12);
            REQUIRE(largest_fast_error(dot, {in[0], in[1], in[3]}, DType::float32) < 1e-5);
            REQUIRE(largest_fast_error(least, {in[0], in[1]}, DType::float64) < 1e-12);
        }
}

TEST_CASE("cosine_attention and dot_attention agree with the composition of plain operations") {
    for (const PaddingOrder order : {PaddingOrder::before_shift, PaddingOrder::after_shift})
        for (const Case& c : {Case{{4, 4}, {4, 4}, {0, 0}, 3, 16}, Case{{8, 8}, {4, 4}, {2, 2}, 2, 7},
                              Case{{7, 9}, {3, 4}, {1, 2}, 1, 5}, Case{{7, 9}, {3, 4}, {1, 2}, 2, 16},
                              Case{{5, 5}, {5, 5}, {0, 0}, 5, 1}, Case{{7, 7}, {7, 7}, {0, 0}, 2, 33},
                              Case{{6, 10}, {5, 7}, {2, 3}, 2, 9}}) {
            const WindowMap map = make_window_map(c.map, c.window, c.shift, order);
            const auto all = inputs(c, 3);
            const Tensor padding = map->has_padding ? all[1] : Tensor();
            // padding only where there is some: without, nothing would reach it
            const auto with = [&](const std::vector<Tensor>& in, size_t i) {
                return map->has_padding ? in[i] : padding;
            };
            INFO(c.map.rows << " x " << c.map.columns << ", window " << c.window.rows << " x " << c.window.columns);
            std::vector<Tensor> cosine{all[0], all[2], all[3]}, dot{all[0], all[3]};
            if (map->has_padding) cosine.push_back(padding), dot.push_back(padding);
            REQUIRE(largest_disagreement(
                        [&](const auto& in) { return cosine_attention(in[0], with(in, 3), in[1], in[2], map); },
                        [&](const auto& in) { return plain_attention(in[0], with(in, 3), c.heads, in[1], in[2], map); },
                        cosine) < 1e-11);
            REQUIRE(largest_disagreement(
                        [&](const auto& in) { return dot_attention(in[0], with(in, 2), c.heads, in[1], map); },
                        [&](const auto& in) { return plain_attention(in[0], with(in, 2), c.heads, {}, in[1], map); },
                        dot) < 1e-11);
        }
}

TEST_CASE("attention without a bias_table is attention with one of zeros") {
    const Case c{{8, 8}, {4, 4}, {2, 2}, 2, 7};
    const WindowMap map = make_window_map(c.map, c.window, c.shift);
    const auto in = inputs(c, 2);
    const Tensor zeros = Tensor::zeros(in[3].shape(), DType::float64);
    REQUIRE(same_bits(cosine_attention(in[0], {}, in[2], {}, map), cosine_attention(in[0], {}, in[2], zeros, map)));
    REQUIRE(same_bits(dot_attention(in[0], {}, 2, {}, map), dot_attention(in[0], {}, 2, zeros, map)));
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
    const PlainLoops plain;
    REQUIRE(same_on_any_threads(f, in, cotangent));
}

TEST_CASE("a masked key can still win: -100 is not minus infinity") {
    // Two tokens whose mask differs; a logit scale of 100 puts 200 between cosines of -1 and 1.
    const WindowMap map = make_window_map({1, 4}, {1, 2}, {0, 1});
    Tensor qkv = Tensor::zeros({1, 1, 4, 3}, DType::float64);
    double* token = qkv.data<double>();
    for (int64_t t = 0; t < 4; ++t)
        token[3 * t] = 1, token[3 * t + 1] = t == 3 ? -1 : 1, token[3 * t + 2] = static_cast<double>(t);
    const Tensor scale = Tensor::from({1, 1, 1}, std::vector<double>{10});  // above the clamp: 100
    // The last window holds tokens 3 and 0. Token 3's own key has cosine -1, the masked token 0's has 1.
    REQUIRE(cosine_attention(qkv, {}, scale, {}, map).values()[3] == Approx(0).margin(1e-12));
    const PlainLoops plain;
    REQUIRE(cosine_attention(qkv, {}, scale, {}, map).values()[3] == Approx(0).margin(1e-12));
}

TEST_CASE("a head above the clamp gets no gradient for its scale, a zero row no NaN") {
    const WindowMap map = make_window_map({2, 2}, {2, 2}, {0, 0});
    const Function f = [&](const std::vector<Tensor>& in) { return cosine_attention(in[0], {}, in[1], in[2], map); };
    Tensor qkv = random_tensor({1, 2, 2, 12}, Random{6, 6});
    for (int64_t column = 0; column < 8; ++column) qkv.data<double>()[column] = 0;  // q and k of the first token
    const std::vector<Tensor> in{qkv, Tensor::from({2, 1, 1}, std::vector<double>{4.7, 2}),
                                 random_tensor({9, 2}, Random{6, 7})};
    for (const bool plain : {false, true}) {
        std::optional<PlainLoops> loops;
        if (plain) loops.emplace();
        const auto gradients = gradients_of(f, in, random_tensor({1, 2, 2, 4}, Random{6, 8}));
        REQUIRE(gradients[1].values()[0] == 0);
        REQUIRE(gradients[1].values()[1] != 0);
        for (const double value : gradients[0].values()) REQUIRE(std::isfinite(value));
    }
    REQUIRE(largest_fast_error(f, in, DType::float64) < 1e-12);
}

TEST_CASE("cosine_attention says what does not fit") {
    const WindowMap map = make_window_map({3, 3}, {2, 2}, {0, 0});
    const Tensor qkv = Tensor::zeros({1, 3, 3, 12}), table = Tensor::zeros({9, 2}), scale = Tensor::zeros({2, 1, 1});
    REQUIRE(error_of([&] { cosine_attention(qkv, {}, scale, table, map); }) ==
            "[cosine_attention] a 3 x 3 map with windows of 2 x 2 has padding, so `padding` [12] is needed");
    const Tensor padding = Tensor::zeros({12});
    REQUIRE(error_of([&] { cosine_attention(qkv, padding, Tensor::zeros({2}), table, map); }) ==
            "[cosine_attention] logit_scale must be [h, 1, 1], got [2]");
    REQUIRE(error_of([&] {
                cosine_attention(qkv, padding, scale, Tensor::zeros({2, 4, 4}), map);
            }) == "[cosine_attention] bias_table of a 2 x 2 window must be [9, 2], got [2, 4, 4]");
    REQUIRE(error_of([&] { dot_attention(qkv, padding, 3, table, map); }) ==
            "[dot_attention] 4 channels do not divide into 3 heads");
}

TEST_CASE("attention's kernels agree with its plain loops, whatever the window, the heads and the padding") {
    // Windows of 1, 9, 16, 49 and 72 tokens: less than a tile of 64, one and a part, and several windows in a block.
    for (const Case& c : {Case{{4, 4}, {4, 4}, {0, 0}, 3, 16}, Case{{8, 8}, {4, 4}, {2, 2}, 2, 7},
                          Case{{7, 8}, {3, 3}, {1, 1}, 1, 5}, Case{{1, 2}, {1, 1}, {0, 0}, 5, 1},
                          Case{{7, 7}, {7, 7}, {0, 0}, 2, 33}, Case{{12, 7}, {9, 8}, {4, 0}, 2, 4}}) {
        const WindowMap map = make_window_map(c.map, c.window, c.shift);
        const auto all = inputs(c, 3);
        std::vector<Tensor> in{all[0], all[2], all[3]};
        if (map->has_padding) in.push_back(all[1]);
        const Function cosine = [&](const std::vector<Tensor>& of) {
            return cosine_attention(of[0], map->has_padding ? of[3] : Tensor(), of[1], of[2], map);
        };
        const Function dot = [&](const std::vector<Tensor>& of) {
            // The scale takes part only so that it is an input with a gradient.
            return add(dot_attention(of[0], map->has_padding ? of[3] : Tensor(), c.heads, of[2], map),
                       scale(cosine(of), 0.5));
        };
        INFO(c.map.rows << " x " << c.map.columns << ", window " << c.window.rows << " x " << c.window.columns);
        REQUIRE(largest_kernel_error(cosine, in, DType::float64) < 1e-12);
        REQUIRE(largest_kernel_error(cosine, in, DType::float32) < 2e-5);
        REQUIRE(largest_bfloat16_error(cosine, in, {0}) < 0.03);
        REQUIRE(largest_kernel_error(dot, in, DType::float64) < 1e-12);
    }
}

TEST_CASE("attention's kernels give the same bits in whatever order threads run") {
    const Case c{{6, 10}, {5, 7}, {2, 3}, 2, 9};
    const WindowMap map = make_window_map(c.map, c.window, c.shift);
    const Function f = [&](const std::vector<Tensor>& in) { return cosine_attention(in[0], in[1], in[2], in[3], map); };
    REQUIRE(same_in_any_order(f, inputs(c, 2), random_tensor({2, 6, 10, 18}, Random{6, 5})));
}
