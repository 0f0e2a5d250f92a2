#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("relative_bias gives every pair the entry of its relative position") {
    // A 2 x 2 window has tokens 0 1 / 2 3 and nine relative positions, (-1, -1) to (1, 1); entries count 0 .. 8.
    std::vector<double> entries;
    for (int i = 0; i < 9; ++i) entries.push_back(i);
    const WindowMap map = make_window_map({2, 2}, {2, 2}, {0, 0});
    const Tensor y = relative_bias(Tensor::from({9, 1}, entries), map);
    REQUIRE(y.shape() == Shape{1, 4, 4});
    REQUIRE(y.values() == std::vector<double>{4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4});
}

TEST_CASE("an entry of relative_bias receives what all its pairs do") {
    const WindowMap map = make_window_map({3, 2}, {3, 2}, {0, 0});
    const Function f = [&](const std::vector<Tensor>& in) { return relative_bias(in[0], map); };
    Tensor ones = Tensor::zeros({2, 6, 6}, DType::float64);
    for (double& value : ones.span<double>()) value = 1;
    const auto gradients = gradients_of(f, {random_tensor({15, 2}, Random{4, 1})}, ones);
    // (Mh - |down|) (Mw - |across|) pairs have a relative position
    for (int64_t r = 0; r < 15; ++r)
        REQUIRE(gradients[0].values()[static_cast<size_t>(2 * r)] ==
                static_cast<double>((3 - std::abs(r / 3 - 2)) * (2 - std::abs(r % 3 - 1))));
}

TEST_CASE("relative_bias says which table belongs to the window") {
    REQUIRE(error_of([] {
                relative_bias(Tensor::zeros({4, 2}), make_window_map({2, 2}, {2, 2}, {0, 0}));
            }) == "[relative_bias] the table of a 2 x 2 window must be [9, h], got [4, 2]");
}

TEST_CASE("the kernels of relative_bias add the same pairs as its loops, in the same order") {
    for (const Extent window : {Extent{1, 1}, Extent{3, 3}, Extent{7, 7}, Extent{2, 5}})
        for (const int64_t heads : {1, 5}) {
            const WindowMap map = make_window_map(window, window, {0, 0});
            const Function f = [&](const std::vector<Tensor>& in) { return relative_bias(in[0], map); };
            const Tensor table = random_tensor({map->offsets(), heads}, Random{4, 2});
            INFO("window " << window.rows << " x " << window.columns << ", heads " << heads);
            REQUIRE(largest_kernel_error(f, {table}, DType::float64) == 0);
            REQUIRE(largest_kernel_error(f, {table}, DType::float32) == 0);
            REQUIRE(largest_bfloat16_error(f, {table}, {0}) < 0x1p-8);
        }
}
