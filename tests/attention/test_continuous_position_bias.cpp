#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("continuous_position_bias is 16 sigmoid of a two-layer network of the offset") {
    const Tensor coordinates = relative_coordinates({3, 2}, {0, 0}, OffsetScale::log_of_window, DType::float64);
    const Tensor weight1 = random_tensor({5, 2}, Random{3, 1}), bias1 = random_tensor({5}, Random{3, 2}),
                 weight2 = random_tensor({2, 5}, Random{3, 3});
    const auto y = continuous_position_bias(coordinates, weight1, bias1, weight2).values();
    const auto axis = [](int64_t d, int64_t size) {  // sign(z) log2(|z| + 1) / 3, z = 8 d / (size - 1)
        const double z = 8.0 * static_cast<double>(d) / static_cast<double>(size - 1);
        return std::copysign(std::log2(std::abs(z) + 1) / 3, z);
    };
    for (int64_t head = 0; head < 2; ++head)
        for (int64_t r = 0; r < 15; ++r) {  // 5 offsets down, 3 across
            const double down = axis(r / 3 - 2, 3), across = axis(r % 3 - 1, 2);
            double t = 0;
            for (int64_t u = 0; u < 5; ++u) {
                const double *w1 = weight1.data<double>() + 2 * u,
                             pre = w1[0] * down + w1[1] * across + bias1.data<double>()[u];
                t += std::max(pre, 0.0) * weight2.data<double>()[head * 5 + u];
            }
            REQUIRE(y[static_cast<size_t>(r * 2 + head)] ==
                    Approx(16 / (1 + std::exp(-t))).margin(1e-6));  // float32 coordinates
        }
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
    const auto gradients = gradients_of(f,
                                        {Tensor::zeros({4, 2}, DType::float64), Tensor::zeros({4}, DType::float64),
                                         random_tensor({1, 4}, Random{3, 4})},
                                        random_tensor({9, 1}, Random{3, 5}));
    REQUIRE(gradients[1].values() == std::vector<double>(4, 0.0));
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

TEST_CASE("continuous_position_bias's kernels agree with its loops, on awkward sizes too") {
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
