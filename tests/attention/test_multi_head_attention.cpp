#include "ops/attention/attention_inputs.h"
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
    int64_t heads, D, B;
};

// x, qkv_weight, qkv_bias, logit_scale, table, proj_weight, proj_bias
std::vector<Tensor> inputs(const Case& c) {
    const int64_t C = c.heads * c.D, R = (2 * c.window.rows - 1) * (2 * c.window.columns - 1);
    const double spread = 1 / std::sqrt(static_cast<double>(C));
    return {random_tensor({c.B, c.map.rows, c.map.columns, C}, Random{8, 1}),
            random_tensor({3 * C, C}, Random{8, 2}, spread),
            random_tensor({3 * C}, Random{8, 3}),
            random_tensor({c.heads, 1, 1}, Random{8, 4}, 0.5, 1.5),
            random_tensor({R, c.heads}, Random{8, 5}),
            random_tensor({C, C}, Random{8, 6}, spread),
            random_tensor({C}, Random{8, 7})};
}
std::vector<Tensor> as(DType dtype, const std::vector<Tensor>& tensors) {
    std::vector<Tensor> result;
    for (size_t i = 0; i < tensors.size(); ++i)
        result.push_back(tensors[i].to(i == 0 || i == 1 || i == 5 ? dtype : acc_dtype(dtype)));
    return result;
}

Function fused(const WindowMap& map, int64_t heads) {
    return [=](const std::vector<Tensor>& in) {
        return multi_head_attention(in[0], in[1], in[2], heads, in[3], in[4], in[5], in[6], map);
    };
}
// With x, qkv_weight, proj_weight and proj_bias alone.
Function least(const WindowMap& map, int64_t heads) {
    return [=](const std::vector<Tensor>& in) {
        return multi_head_attention(in[0], in[1], {}, heads, {}, {}, in[2], in[3], map);
    };
}

// Few rows and many, windows that do not fill vectors, heads that fill them where there is padding and where there is
// none, padding in both orders, one token a window.
const Case cases[] = {
    {{4, 4}, {4, 4}, {0, 0}, 3, 16, 2},   {{8, 8}, {4, 4}, {2, 2}, 2, 7, 13},  {{7, 9}, {3, 4}, {1, 2}, 1, 5, 9},
    {{5, 5}, {5, 5}, {0, 0}, 5, 1, 1},    {{7, 7}, {7, 7}, {0, 0}, 2, 9, 7},   {{18, 17}, {17, 17}, {8, 8}, 1, 3, 1},
    {{1, 3}, {1, 1}, {0, 0}, 2, 2, 1},    {{6, 10}, {5, 7}, {2, 3}, 2, 3, 40}, {{7, 9}, {3, 4}, {1, 2}, 2, 16, 3},
    {{32, 32}, {32, 32}, {0, 0}, 1, 3, 1}};  // one window, more rows than a piece

}  // namespace

TEST_CASE("multi_head_attention of two tokens, worked by hand") {
    // One head of one number. From x = (1, 0): q = x = (1, 0), k = ln 3 (1 - x) = (0, ln 3), v = 4 - 4 x = (0, 4). The
    // first token's scores are 0 and ln 3, its weights 1/4 and 3/4, its result 3; the second's is the mean of the
    // values, 2.
    const auto of = [](const Shape& shape, const std::vector<double>& values) { return Tensor::from(shape, values); };
    const double k = std::log(3.0);
    for (const bool plain : {false, true}) {
        std::optional<PlainLoops> loops;
        if (plain) loops.emplace();
        const auto y =
            multi_head_attention(of({1, 1, 2, 1}, {1, 0}), of({3, 1}, {1, -k, -4}), of({3}, {0, k, 4}), 1, {}, {},
                                 of({1, 1}, {2}), of({1}, {1}), make_window_map({1, 2}, {1, 2}, {0, 0}))
                .values();
        REQUIRE(y[0] == Approx(2 * 3 + 1));
        REQUIRE(y[1] == Approx(2 * 2 + 1));
    }
}

TEST_CASE("multi_head_attention's fast path agrees with its plain loops") {
    for (const PaddingOrder order : {PaddingOrder::before_shift, PaddingOrder::after_shift})
        for (const Case& c : cases) {
            const WindowMap map = make_window_map(c.map, c.window, c.shift, order);
            INFO(c.B << " maps of " << c.map.rows << " x " << c.map.columns << ", window " << c.window.rows << " x "
                     << c.window.columns);
            const auto in = inputs(c);
            REQUIRE(largest_fast_error(fused(map, c.heads), in, DType::float64) < 1e-12);
            REQUIRE(largest_fast_error(fused(map, c.heads), in, DType::float32) < 1e-4);
            REQUIRE(largest_fast_error(least(map, c.heads), {in[0], in[1], in[5], in[6]}, DType::float64) < 1e-12);
        }
}

TEST_CASE("multi_head_attention's backward by plain loops can follow the fast forward, and the other way round") {
    const Case c{{7, 9}, {3, 4}, {1, 2}, 2, 5, 3};
    auto in = inputs(c);
    for (Tensor& leaf : in) require_gradient(leaf);
    const Function f = fused(make_window_map(c.map, c.window, c.shift), c.heads);
    const Tensor cotangent = random_tensor(in[0].shape(), Random{8, 8});
    std::vector<std::vector<Tensor>> all;
    for (const bool plain_forward : {false, true}) {
        Tape tape;
        std::optional<PlainLoops> loops;
        if (plain_forward) loops.emplace();
        const Tensor y = f(in);
        loops.reset();
        if (!plain_forward) loops.emplace();
        tape.backward(y, cotangent);
        all.emplace_back();
        for (Tensor& leaf : in)
            all.back().push_back(gradient(leaf).detached()), require_gradient(leaf = leaf.detached());
    }
    for (size_t i = 0; i < in.size(); ++i) REQUIRE(largest_difference(all[0][i], all[1][i]) < 1e-11);
}

TEST_CASE("multi_head_attention agrees with linear, plain attention and linear") {
    for (const PaddingOrder order : {PaddingOrder::before_shift, PaddingOrder::after_shift})
        for (const Case& c : cases) {
            const WindowMap map = make_window_map(c.map, c.window, c.shift, order);
            INFO(c.B << " maps of " << c.map.rows << " x " << c.map.columns << ", window " << c.window.rows << " x "
                     << c.window.columns);
            const auto in = inputs(c);
            const Function composed = [&](const std::vector<Tensor>& of) {
                const Tensor o = plain_attention(linear(of[0], of[1], of[2]), padding_of(of[0], of[2], *map), c.heads,
                                                 of[3], of[4], map);
                return linear(o, of[5], of[6]);
            };
            const Function composed_least = [&](const std::vector<Tensor>& of) {
                const Tensor o =
                    plain_attention(linear(of[0], of[1]), padding_of(of[0], {}, *map), c.heads, {}, {}, map);
                return linear(o, of[2], of[3]);
            };
            REQUIRE(largest_disagreement(fused(map, c.heads), composed, in) < 1e-10);
            REQUIRE(largest_disagreement(least(map, c.heads), composed_least, {in[0], in[1], in[5], in[6]}) < 1e-10);
        }
}

TEST_CASE("multi_head_attention in float and bfloat16 agrees with double") {
    const Case c{{8, 8}, {4, 4}, {2, 2}, 3, 16, 10};
    const auto in = inputs(c);
    const Function f = fused(make_window_map(c.map, c.window, c.shift), c.heads);
    REQUIRE(largest_float_error(f, in) < 1e-3);
    REQUIRE(largest_bfloat16_error(f, in, {0, 1, 5}) < 0.03);
}

TEST_CASE("multi_head_attention without a tape gives the same values as with one, alone as among many") {
    // Whole vectors of tokens and channels, and neither; by windows at a time, and all at once.
    for (const Case& c : {Case{{8, 8}, {4, 4}, {2, 2}, 3, 16, 13}, Case{{14, 14}, {7, 7}, {3, 3}, 2, 9, 9}})
        for (const DType dtype : {DType::float64, DType::float32, DType::bfloat16}) {
            const auto in = as(dtype, inputs(c));
            const Function f = fused(make_window_map(c.map, c.window, c.shift), c.heads);
            const Tensor many = f(in);
            INFO(name_of(dtype) << ", windows of " << c.window.rows);
            for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {1, 7}}) {
                auto some = in;
                some[0] = in[0].slice(begin, end);
                REQUIRE(same_bits(f(some), many.slice(begin, end)));
            }
            auto leaf = in;
            require_gradient(leaf[0]);
            Tape tape;
            REQUIRE(same_bits(f(leaf), many));
        }
}

TEST_CASE("multi_head_attention of no images is no map, and gradients of 0") {
    const Case c{{8, 8}, {4, 4}, {2, 2}, 3, 5, 0};
    const auto in = inputs(c);
    const Function f = fused(make_window_map(c.map, c.window, c.shift), c.heads);
    REQUIRE(f(in).shape() == Shape{0, 8, 8, 15});
    const auto gradients = gradients_of(f, in, Tensor::zeros({0, 8, 8, 15}, DType::float64));
    for (size_t i = 0; i < in.size(); ++i)
        REQUIRE(same_bits(gradients[i], Tensor::zeros(in[i].shape(), DType::float64)));
}

TEST_CASE("multi_head_attention gives an input the same gradient whichever others want one") {
    const Case c{{7, 9}, {3, 4}, {1, 2}, 2, 5, 3};
    const auto in = inputs(c);
    const Function f = fused(make_window_map(c.map, c.window, c.shift), c.heads);
    const Tensor cotangent = random_tensor(in[0].shape(), Random{8, 8});
    const auto all = gradients_of(f, in, cotangent);
    for (size_t i = 0; i < in.size(); ++i) {
        auto leaves = in;
        leaves[i] = in[i].detached();
        require_gradient(leaves[i]);
        Tape tape;
        tape.backward(f(leaves), cotangent);
        REQUIRE(same_bits(gradient(leaves[i]), all[i]));
    }
}

TEST_CASE("multi_head_attention's gradients have the same bits on any number of threads") {
    const Case c{{8, 8}, {4, 4}, {2, 2}, 3, 16, 33};
    const auto in = as(DType::float32, inputs(c));
    const Tensor cotangent = random_tensor(in[0].shape(), Random{8, 8}).to(DType::float32);
    const Function f = fused(make_window_map(c.map, c.window, c.shift), c.heads);
    REQUIRE(same_on_any_threads(f, in, cotangent));
    const PlainLoops plain;
    REQUIRE(same_on_any_threads(f, in, cotangent));
}

TEST_CASE("multi_head_attention says what does not fit") {
    const Case c{{3, 3}, {2, 2}, {0, 0}, 2, 2, 1};
    const WindowMap map = make_window_map(c.map, c.window, c.shift);
    const auto with = [&](size_t index, const Tensor& wrong, int64_t heads = 2) {
        return error_of([&] {
            auto in = inputs(c);
            in[index] = wrong;
            fused(map, heads)(in);
        });
    };
    const auto zeros = [](const Shape& shape) { return Tensor::zeros(shape, DType::float64); };
    REQUIRE(with(0, zeros({1, 3, 4, 4})) == "[multi_head_attention] x must be [B, 3, 3, C], got [1, 3, 4, 4]");
    REQUIRE(with(0, zeros({1, 3, 3, 0})) == "[multi_head_attention] x must have channels, got [1, 3, 3, 0]");
    REQUIRE(with(1, zeros({4, 12})) == "[multi_head_attention] qkv_weight must be [12, 4], got [4, 12]");
    REQUIRE(with(2, zeros({4})) == "[multi_head_attention] qkv_bias must be [12], got [4]");
    REQUIRE(with(3, zeros({2})) == "[multi_head_attention] logit_scale must be [2, 1, 1], got [2]");
    REQUIRE(with(4, zeros({9, 3})) == "[multi_head_attention] bias_table of a 2 x 2 window must be [9, 2], got [9, 3]");
    REQUIRE(with(5, zeros({4, 3})) == "[multi_head_attention] proj_weight must be [4, 4], got [4, 3]");
    REQUIRE(with(6, zeros({3})) == "[multi_head_attention] proj_bias must be [4], got [3]");
    REQUIRE(with(6, zeros({4}), 3) == "[multi_head_attention] 4 channels do not divide into 3 heads");
    REQUIRE(with(6, zeros({4}).on(Device::cuda)) ==
            "[multi_head_attention] x is float64 [1, 3, 3, 4] on cpu, but proj_bias is float64 [4] on cuda: all must "
            "be on one device");
}

TEST_CASE("multi_head_attention's kernels agree with its plain loops") {
    for (const Case& c : {cases[1], cases[2], cases[4]}) {
        const Function f = fused(make_window_map(c.map, c.window, c.shift), c.heads);
        REQUIRE(largest_kernel_error(f, inputs(c), DType::float64) < 1e-12);
        REQUIRE(largest_kernel_error(f, inputs(c), DType::float32) < 2e-5);
    }
}
