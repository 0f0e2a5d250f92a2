#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("continuous_position_bias and its gradients are what one works out by hand") {
    // Of two positions, (1, 0) and (-1, 2), the hidden units are (1, 0) and (0, 1). 16 sigmoid(ln 3) = 16 3/4.
    const double ln3 = std::log(3);
    const Tensor coordinates = Tensor::from({2, 2}, std::vector<double>{1, 0, -1, 2});
    const std::vector<Tensor> inputs{Tensor::from({2, 2}, std::vector<double>{1, 0, 0, 1}),
                                     Tensor::from({2}, std::vector<double>{0, -1}),
                                     Tensor::from({1, 2}, std::vector<double>{ln3, -ln3})};
    const Function f = [&](const std::vector<Tensor>& in) {
        return continuous_position_bias(coordinates, in[0], in[1], in[2]);
    };
    const auto require_by_hand = [&] {
        const auto near = [](const Tensor& found, const std::vector<double>& expected) {
            return largest_difference(found, Tensor::from(found.shape(), expected)) < 1e-14;
        };
        REQUIRE(near(f(inputs), {12, 4}));
        // dt = 12 (1 - 12/16) and 4 (1 - 4/16), both 3.
        const auto gradients = gradients_of(f, inputs, Tensor::from({2, 1}, std::vector<double>{1, 1}));
        REQUIRE(near(gradients[0], {3 * ln3, 0, 3 * ln3, -6 * ln3}));
        REQUIRE(near(gradients[1], {3 * ln3, -3 * ln3}));
        REQUIRE(near(gradients[2], {3, 3}));
    };
    require_by_hand();
    const PlainLoops plain;
    require_by_hand();
}

TEST_CASE("continuous_position_bias agrees with the composition of plain operations") {
    const Tensor coordinates = relative_coordinates({3, 4}, {0, 0}, OffsetScale::log_of_window, DType::float64);
    const Function f = [&](const std::vector<Tensor>& in) {
        return continuous_position_bias(coordinates, in[0], in[1], in[2]);
    };
    const Function composed = [&](const std::vector<Tensor>& in) {
        return scale(sigmoid(linear(relu(linear(coordinates, in[0], in[1])), in[2])), 16);
    };
    const std::vector<Tensor> inputs{random_tensor({9, 2}, Random{3, 6}), random_tensor({9}, Random{3, 7}),
                                     random_tensor({3, 9}, Random{3, 8})};
    REQUIRE(largest_disagreement(f, composed, inputs) < 1e-12);
}

TEST_CASE("continuous_position_bias of a one-token window is one number a head") {
    const Tensor coordinates = relative_coordinates({1, 1}, {0, 0}, OffsetScale::log_of_window, DType::float32);
    const Tensor y =
        continuous_position_bias(coordinates, Tensor::zeros({4, 2}), Tensor::zeros({4}), Tensor::zeros({3, 4}));
    REQUIRE(y.shape() == Shape{1, 3});
    REQUIRE(y.values() == std::vector<double>{8, 8, 8});
}

TEST_CASE(
    "continuous_position_bias gives no gradient at a hidden unit of exactly zero, and refuses one for the "
    "coordinates") {
    Tensor coordinates = relative_coordinates({2, 2}, {0, 0}, OffsetScale::log_of_window, DType::float64);
    const Function f = [&](const std::vector<Tensor>& in) {
        return continuous_position_bias(coordinates, in[0], in[1], in[2]);
    };
    // With zero weights every hidden unit is exactly 0.
    const std::vector<Tensor> zeros{Tensor::zeros({4, 2}, DType::float64), Tensor::zeros({4}, DType::float64),
                                    random_tensor({1, 4}, Random{3, 4})};
    const Tensor cotangent = random_tensor({9, 1}, Random{3, 5});
    REQUIRE(gradients_of(f, zeros, cotangent)[1].values() == std::vector<double>(4, 0.0));
    {
        const PlainLoops plain;
        REQUIRE(gradients_of(f, zeros, cotangent)[1].values() == std::vector<double>(4, 0.0));
    }
    require_gradient(coordinates);
    Tape tape;
    REQUIRE(error_of([&] {
                f({Tensor::zeros({4, 2}, DType::float64), Tensor::zeros({4}, DType::float64),
                   Tensor::zeros({1, 4}, DType::float64)});
            }).rfind("[continuous_position_bias: coordinates] has no gradient", 0) == 0);
}

TEST_CASE("continuous_position_bias says what does not fit") {
    const Tensor four = Tensor::zeros({4, 2});
    REQUIRE(error_of([&] {
                continuous_position_bias(four, four, Tensor::zeros({4}), Tensor::zeros({1, 5}));
            }) == "[continuous_position_bias] weight2 must be [h, 4], got [1, 5]");
    REQUIRE(error_of([&] {
                continuous_position_bias(Tensor::zeros({4}), four, Tensor::zeros({4}), Tensor::zeros({1, 4}));
            }) == "[continuous_position_bias] coordinates must be [R, 2], got [4]");
}

TEST_CASE("continuous_position_bias's fast path and kernels agree with its plain loops, on awkward sizes too") {
    const Function f = [](const std::vector<Tensor>& in) {
        return continuous_position_bias(
            relative_coordinates({3, 7}, {0, 0}, OffsetScale::log_of_window, in[0].dtype()).on(in[0].device()), in[0],
            in[1], in[2]);
    };
    for (const int64_t U : {1, 33, 257})
        for (const int64_t h : {1, 5}) {
            const std::vector<Tensor> inputs{random_tensor({U, 2}, Random{3, 9}), random_tensor({U}, Random{3, 10}),
                                             random_tensor({h, U}, Random{3, 11}, 0.2)};
            INFO(U << " hidden units, " << h << " heads");
            REQUIRE(largest_fast_error(f, inputs, DType::float64) < 1e-12);
            REQUIRE(largest_fast_error(f, inputs, DType::float32) < 1e-5);
            REQUIRE(largest_kernel_error(f, inputs, DType::float64) < 1e-12);
            REQUIRE(largest_kernel_error(f, inputs, DType::float32) < 1e-5);
        }
    const std::vector<Tensor> inputs{random_tensor({40, 2}, Random{3, 9}), random_tensor({40}, Random{3, 10}),
                                     random_tensor({3, 40}, Random{3, 11})};
    REQUIRE(same_in_any_order(f, inputs, random_tensor({65, 3}, Random{3, 12})));
}

TEST_CASE("continuous_position_bias's kernels too give no gradient at a hidden unit of exactly zero") {
    const Tensor coordinates =
        relative_coordinates({2, 2}, {0, 0}, OffsetScale::log_of_window, DType::float64).on(Device::cuda);
    const auto gradients =
        gradients_of([&](const auto& in) { return continuous_position_bias(coordinates, in[0], in[1], in[2]); },
                     on(Device::cuda, {Tensor::zeros({4, 2}, DType::float64), Tensor::zeros({4}, DType::float64),
                                       random_tensor({1, 4}, Random{3, 4})}),
                     random_tensor({9, 1}, Random{3, 5}));
    REQUIRE(gradients[0].values() == std::vector<double>(8, 0.0));
    REQUIRE(gradients[1].values() == std::vector<double>(4, 0.0));
}

TEST_CASE("continuous_position_bias refuses operands on two devices") {
    const Tensor coordinates = relative_coordinates({2, 2}, {0, 0}, OffsetScale::log_of_window, DType::float32);
    const auto in = on(Device::cuda, {Tensor::zeros({4, 2}), Tensor::zeros({4}), Tensor::zeros({1, 4})});
    REQUIRE(
        error_of([&] { continuous_position_bias(coordinates, in[0], in[1], in[2]); }) ==
        "[continuous_position_bias] coordinates is float32 [9, 2] on cpu, but weight1 is float32 [4, 2] on cuda: all "
        "must be on one device");
}
