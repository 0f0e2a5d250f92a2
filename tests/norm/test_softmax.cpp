#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("softmax of (0, ln 2, ln 5) is (1, 2, 5) / 8") {
    const Tensor x = Tensor::from({3}, std::vector<double>{0, std::log(2.0), std::log(5.0)});
    const auto y = softmax(x).values();
    REQUIRE(y[0] == Approx(0.125));
    REQUIRE(y[1] == Approx(0.25));
    REQUIRE(y[2] == Approx(0.625));
    const auto dx = gradients_of([](const auto& in) { return softmax(in[0]); }, {x},
                                 Tensor::from({3}, std::vector<double>{8, 0, 0}))[0]
                        .values();
    REQUIRE(dx[0] == Approx(0.125 * (8 - 1)));
    REQUIRE(dx[1] == Approx(-0.25));
    REQUIRE(dx[2] == Approx(-0.625));
}

TEST_CASE("the rows of a softmax are positive, sum to 1, and do not change with a constant added") {
    for (const int64_t C : {1, 33, 257}) {
        const Tensor x = random_tensor({131, C}, Random{7, 1}, 3.0);
        const Tensor moved = add(x, broadcast_to(random_tensor({131, 1}, Random{7, 2}, 100.0), {131, C}));
        const Tensor y = softmax(x);
        for (const double one : sum_to(y, {131, 1}).values()) REQUIRE(one == Approx(1).epsilon(1e-13));
        for (const double value : y.values()) REQUIRE(value > 0);
        REQUIRE(largest_difference(y, softmax(moved)) < 1e-12);
    }
}

TEST_CASE("softmax is exp divided by its sum") {
    const Tensor x = random_tensor({4, 5, 7}, Random{7, 3});
    const Tensor e = exp(x), total = broadcast_to(sum_to(e, {4, 5, 1}), {4, 5, 7});
    REQUIRE(largest_difference(softmax(x), exp(subtract(x, log(total)))) < 1e-14);
    const Function oracle = [](const std::vector<Tensor>& in) {
        return exp(subtract(in[0], broadcast_to(log(sum_to(exp(in[0]), {4, 5, 1})), {4, 5, 7})));
    };
    REQUIRE(largest_disagreement([](const auto& in) { return softmax(in[0]); }, oracle, {x}) < 1e-13);
}

TEST_CASE("softmax of large numbers neither overflows nor divides by zero") {
    const float inf = std::numeric_limits<float>::infinity();
    const Tensor x = Tensor::from({3, 2}, std::vector<float>{1e30f, -1e30f, -1e30f, -1e30f, 3.0f, -inf});
    REQUIRE(softmax(x).values() == std::vector<double>{1, 0, 0.5, 0.5, 1, 0});
}

TEST_CASE("softmax in float agrees with double on many rows") {
    const Tensor x = random_tensor({1500, 49}, Random{7, 4}, 4.0);
    REQUIRE(largest_float_error([](const auto& in) { return softmax(in[0]); }, {x}) < 2e-6);
}

TEST_CASE("softmax used twice gives twice the gradient") {
    const Tensor x = random_tensor({3, 5}, Random{7, 5}), c = random_tensor({3, 5}, Random{7, 6});
    const auto once = gradients_of([](const auto& in) { return softmax(in[0]); }, {x}, c);
    const auto twice = gradients_of([](const auto& in) { return add(softmax(in[0]), softmax(in[0])); }, {x}, c);
    REQUIRE(largest_difference(twice[0], scale(once[0], 2)) < 1e-15);
}

TEST_CASE("softmax needs an axis") {
    REQUIRE(error_of([] { softmax(Tensor::zeros({})); }) == "[softmax] x must be [..., C], got []");
}

TEST_CASE("the kernels of softmax agree with its loops, on awkward sizes too") {
    const Function f = [](const std::vector<Tensor>& in) { return softmax(in[0]); };
    for (const int64_t rows : {1, 33, 257})
        for (const int64_t C : {1, 33, 257}) {
            const std::vector<Tensor> x{random_tensor({rows, C}, Random{7, 7}, 3.0)};
            INFO(rows << " rows of " << C);
            REQUIRE(largest_kernel_error(f, x, DType::float64) < 1e-14);
            REQUIRE(largest_kernel_error(f, x, DType::float32) < 2e-6);
            REQUIRE(largest_bfloat16_error(f, x, {0}) < 2 * 0x1p-8);  // y is rounded, then dx
        }
    const Tensor x = random_tensor({70, 49}, Random{7, 8}).to(DType::float32);
    REQUIRE(same_in_any_order(f, {x}, random_tensor({70, 49}, Random{7, 9}).to(DType::float32)));
}

TEST_CASE("the kernels of softmax neither overflow nor divide by zero") {
    const float inf = std::numeric_limits<float>::infinity();
    const Tensor x = Tensor::from({4, 2}, std::vector<float>{1e30f, -1e30f, -1e30f, -1e30f, 3.0f, -inf, -inf, -inf});
    const auto y = softmax(x.on(Device::cuda)).values();
    REQUIRE(std::vector<double>(y.begin(), y.begin() + 6) == std::vector<double>{1, 0, 0.5, 0.5, 1, 0});
    REQUIRE(std::isnan(y[6]));
}
