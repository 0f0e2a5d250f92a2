#include "core/allocator.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

struct Case {
    Extent map, window, shift;
    int64_t heads, D;

    WindowMap windows() const { return make_window_map(map, window, shift); }
    // qkv, table, logit_scale (one above the clamp where there are several), padding
    std::vector<Tensor> inputs(int64_t B) const {
        const int64_t C = heads * D, R = (2 * window.rows - 1) * (2 * window.columns - 1);
        const Tensor scales = random_tensor({heads, 1, 1}, Random{8, 3}, 0.5, 1.5);
        if (heads > 1) scales.data<double>()[0] = 4.8;
        return {random_tensor({B, map.rows, map.columns, 3 * C}, Random{8, 1}), random_tensor({R, heads}, Random{8, 2}),
                scales, random_tensor({3 * C}, Random{8, 4})};
    }
};

// Windows of less than a tile of 64 tokens, of just one, and of several, whole and in part; shifted, padded.
const Case cases[] = {{{4, 4}, {4, 4}, {0, 0}, 3, 16},
                      {{16, 16}, {8, 8}, {4, 4}, 2, 7},
                      {{9, 15}, {9, 15}, {0, 0}, 2, 5},
                      {{13, 10}, {9, 10}, {4, 5}, 1, 17},
                      {{12, 7}, {9, 8}, {4, 0}, 2, 4}};  // padding that real tokens see

}  // namespace

TEST_CASE("sequential_attention of two tokens, worked by hand") {
    // As for dot_attention: weights 1/4 and 3/4 of the values 0 and 4, then 1/2 and 1/2.
    const Tensor qkv = Tensor::from({1, 1, 2, 3}, std::vector<double>{1, 0, 0, 0, std::log(3.0), 4});
    const WindowMap map = make_window_map({1, 2}, {1, 2}, {0, 0});
    const auto is_right = [&] {
        const auto y = sequential_attention(qkv, {}, 1, {}, {}, map).values();
        return y[0] == Approx(3) && y[1] == Approx(2);
    };
    REQUIRE(is_right());
    const PlainLoops plain;
    REQUIRE(is_right());
}

TEST_CASE("sequential_attention's fast path and kernels agree with its plain loops") {
    for (const Case& c : cases) {
        const WindowMap map = c.windows();
        const auto in = c.inputs(2);
        INFO(c.map.rows << " x " << c.map.columns << ", window " << c.window.rows << " x " << c.window.columns);
        const Function cosine = [&](const auto& x) {
            return sequential_attention(x[0], x[3], c.heads, x[2], x[1], map);
        };
        const Function dot = [&](const auto& x) { return sequential_attention(x[0], x[2], c.heads, {}, x[1], map); };
        REQUIRE(largest_fast_error(cosine, in, DType::float64) < 1e-12);
        REQUIRE(largest_fast_error(cosine, in, DType::float32) < 1e-3);  // a scale of 100
        REQUIRE(largest_fast_error(dot, {in[0], in[1], in[3]}, DType::float64) < 1e-12);
        REQUIRE(largest_fast_error(dot, {in[0], in[1], in[3]}, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(dot, {in[0], in[1], in[3]}, {0}) < 0.03);
        REQUIRE(largest_kernel_error(cosine, in, DType::float64) < 1e-12);
        REQUIRE(largest_kernel_error(dot, {in[0], in[1], in[3]}, DType::float64) < 1e-12);
        REQUIRE(largest_kernel_error(dot, {in[0], in[1], in[3]}, DType::float32) < 2e-5);
    }
}

TEST_CASE("sequential_attention computes what attention at once does, to rounding") {
    for (const Case& c : cases) {
        const WindowMap map = c.windows();
        auto in = c.inputs(2);
        if (!map->has_padding) in.pop_back();
        const auto padding = [&](const std::vector<Tensor>& all) { return map->has_padding ? all.back() : Tensor(); };
        INFO(c.map.rows << " x " << c.map.columns << ", window " << c.window.rows << " x " << c.window.columns);
        REQUIRE(largest_disagreement(
                    [&](const auto& x) { return sequential_attention(x[0], padding(x), c.heads, x[2], x[1], map); },
                    [&](const auto& x) { return cosine_attention(x[0], padding(x), x[2], x[1], map); }, in) < 1e-10);
        in.erase(in.begin() + 2);
        REQUIRE(largest_disagreement(
                    [&](const auto& x) { return sequential_attention(x[0], padding(x), c.heads, {}, x[1], map); },
                    [&](const auto& x) { return dot_attention(x[0], padding(x), c.heads, x[1], map); }, in) < 1e-10);
    }
}

TEST_CASE("sequential_attention in float agrees with double") {
    const Case c{{16, 16}, {16, 16}, {0, 0}, 2, 16};
    const WindowMap map = c.windows();
    auto in = c.inputs(2);
    in.pop_back();
    in[2].data<double>()[0] = 2;
    const Function f = [&](const std::vector<Tensor>& x) {
        return sequential_attention(x[0], {}, c.heads, x[2], x[1], map);
    };
    REQUIRE(largest_float_error(f, in) < 3e-4);  // found 1e-4, with one compiler or another
}

TEST_CASE("sequential_attention's gradients have the same bits on any number of threads") {
    const Case c{{16, 16}, {8, 8}, {4, 4}, 3, 8};
    const WindowMap map = c.windows();
    std::vector<Tensor> in;
    for (const Tensor& tensor : c.inputs(9)) in.push_back(tensor.to(DType::float32));
    const Function f = [&](const std::vector<Tensor>& x) {
        return sequential_attention(x[0], x[3], c.heads, x[2], x[1], map);
    };
    const Tensor cotangent = random_tensor({9, 16, 16, 24}, Random{8, 5}).to(DType::float32);
    REQUIRE(same_on_any_threads(f, in, cotangent));
    const PlainLoops plain;
    REQUIRE(same_on_any_threads(f, in, cotangent));
}

TEST_CASE("sequential_attention needs memory for no matrix of N x N") {
    // One window of 1024 tokens: N x N floats are 4 MB a head.
    const Case c{{32, 32}, {32, 32}, {0, 0}, 2, 8};
    const WindowMap map = c.windows();
    std::vector<Tensor> leaves;
    for (const Tensor& tensor : c.inputs(1)) leaves.push_back(tensor.to(DType::float32));
    leaves.pop_back();
    for (Tensor& leaf : leaves) require_gradient(leaf);
    const auto peak_of = [&](const auto& attention) {
        release_cached(Device::cpu);
        const size_t before = memory_statistics(Device::cpu).live;
        reset_peak(Device::cpu);
        Tape tape;
        tape.backward(sum(attention()));
        return memory_statistics(Device::cpu).peak - before;
    };
    const size_t at_once = peak_of([&] { return cosine_attention(leaves[0], {}, leaves[2], leaves[1], map); });
    const size_t tiles = peak_of([&] { return sequential_attention(leaves[0], {}, 2, leaves[2], leaves[1], map); });
    INFO("bytes at once " << at_once << ", in tiles " << tiles);
    REQUIRE(at_once > 4 * 1024 * 1024);
    REQUIRE(tiles < 1024 * 1024 * 2);
}
