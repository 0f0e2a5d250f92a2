#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <algorithm>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("window_partition cuts a 2 x 4 map into its left and right half") {
    const Tensor x = Tensor::from({1, 2, 4, 1}, std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7});
    const Tensor windows = window_partition(x, make_window_map({2, 4}, {2, 2}, {0, 0}));
    REQUIRE(windows.shape() == Shape{2, 4, 1});
    REQUIRE(windows.values() == std::vector<double>{0, 1, 4, 5, 2, 3, 6, 7});
}

TEST_CASE("window_reverse undoes window_partition, padded and shifted in either order") {
    for (const PaddingOrder order : {PaddingOrder::before_shift, PaddingOrder::after_shift})
        for (const int64_t C : {1, 3, 33}) {
            const WindowMap map = make_window_map({7, 5}, {3, 4}, {1, 2}, order);
            const Tensor x = random_tensor({2, 7, 5, C}, Random{2, 1});
            REQUIRE(largest_difference(window_reverse(window_partition(x, map), map), x) == 0);
        }
}

TEST_CASE("padded tokens of a window are zero") {
    const WindowMap map = make_window_map({3, 3}, {2, 2}, {0, 0});
    const auto y = window_partition(Tensor::from({1, 3, 3, 1}, std::vector<double>(9, 1.0)), map).values();
    REQUIRE(std::count(y.begin(), y.end(), 0.0) == 16 - 9);
}

TEST_CASE("window_partition says which map it was made for") {
    const WindowMap map = make_window_map({4, 4}, {2, 2}, {0, 0});
    REQUIRE(error_of([&] {
                window_partition(Tensor::zeros({1, 4, 6, 2}), map);
            }) == "[window_partition] x must be [B, 4, 4, C], got [1, 4, 6, 2]");
    REQUIRE(error_of([&] {
                window_reverse(Tensor::zeros({3, 4, 2}), map);
            }) == "[window_reverse] windows must be [B 4, 4, C], got [3, 4, 2]");
}

TEST_CASE("the kernels of window_partition and window_reverse copy what the loops copy, to the bit") {
    struct Case {
        Extent map, window, shift;
        int64_t B, C;
    };
    for (const Case& c : {Case{{1, 1}, {1, 1}, {0, 0}, 1, 1}, Case{{7, 5}, {3, 4}, {1, 2}, 2, 33},
                          Case{{14, 9}, {7, 7}, {3, 3}, 3, 257}})
        for (const PaddingOrder order : {PaddingOrder::before_shift, PaddingOrder::after_shift}) {
            INFO(c.map.rows << " x " << c.map.columns << ", " << c.C << " channels");
            const WindowMap map = make_window_map(c.map, c.window, c.shift, order);
            const Function cut = [&](const std::vector<Tensor>& in) { return window_partition(in[0], map); };
            const Function put_back = [&](const std::vector<Tensor>& in) { return window_reverse(in[0], map); };
            const Tensor x = random_tensor({c.B, c.map.rows, c.map.columns, c.C}, Random{2, 2});
            const Tensor windows = random_tensor({c.B * map->windows, map->tokens, c.C}, Random{2, 3});
            for (const DType dtype : {DType::float64, DType::float32}) {
                REQUIRE(largest_kernel_error(cut, {x}, dtype) == 0);
                REQUIRE(largest_kernel_error(put_back, {windows}, dtype) == 0);
            }
            REQUIRE(largest_bfloat16_error(cut, {x}, {0}) == 0);
            REQUIRE(largest_bfloat16_error(put_back, {windows}, {0}) == 0);
        }
}

TEST_CASE("the kernels of window_partition take more images than a grid has rows") {
    const WindowMap map = make_window_map({1, 2}, {1, 2}, {0, 0});
    const Tensor x = random_tensor({65537, 1, 2, 1}, Random{2, 4}).to(DType::float32).on(Device::cuda);
    const Tensor windows = window_partition(x, map);
    REQUIRE(same_bits(windows.view(x.shape()), x));
    REQUIRE(same_bits(window_reverse(windows, map), x));
}
