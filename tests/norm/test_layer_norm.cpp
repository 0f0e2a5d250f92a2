#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("layer_norm of (1, 3) is (-1, 1) but for eps") {
    const Tensor x = Tensor::from({1, 2}, std::vector<double>{1, 3});
    const Tensor one = Tensor::from({2}, std::vector<double>{1, 1}), zero = Tensor::zeros({2}, DType::float64);
    const auto y = layer_norm(x, one, zero, 0).values();
    REQUIRE(y[0] == Approx(-1));
    REQUIRE(y[1] == Approx(1));
    const auto d = gradients_of([](const auto& in) { return layer_norm(in[0], in[1], in[2], 0); }, {x, one, zero},
                                Tensor::from({1, 2}, std::vector<double>{2, 5}));
    for (const double dx : d[0].values())
        REQUIRE(std::abs(dx) < 1e-15);  // two numbers become -1 and 1 whatever they are
    REQUIRE(d[1].values()[0] == Approx(-2));
    REQUIRE(d[1].values()[1] == Approx(5));
    REQUIRE(d[2].values() == std::vector<double>{2, 5});
}

TEST_CASE("layer_norm gives rows of mean 0 and variance 1, also far from 0") {
    for (const int64_t C : {1, 33, 257}) {
        const Tensor x = random_tensor({7, C}, Random{1, 1}, 3.0, 1000.0).to(DType::float32);
        const Tensor one = Tensor::from({C}, std::vector<float>(static_cast<size_t>(C), 1.0f)),
                     zero = Tensor::zeros({C});
        const auto y = layer_norm(x, one, zero).values();
        for (size_t row = 0; row < 7; ++row) {
            double sum = 0, squares = 0;
            for (size_t c = 0; c < static_cast<size_t>(C); ++c)
                sum += y[row * C + c], squares += y[row * C + c] * y[row * C + c];
            REQUIRE(std::abs(sum / C) < 1e-3);
            if (C > 1) REQUIRE(squares / C == Approx(1).epsilon(1e-3));
        }
    }
}

TEST_CASE("layer_norm in float agrees with double on many rows") {
    const std::vector<Tensor> inputs{random_tensor({1500, 48}, Random{1, 2}), random_tensor({48}, Random{1, 3}),
                                     random_tensor({48}, Random{1, 4})};
    std::vector<Tensor> narrow;
    for (const Tensor& input : inputs) narrow.push_back(input.to(DType::float32));
    const Function f = [](const std::vector<Tensor>& in) { return layer_norm(in[0], in[1], in[2]); };
    REQUIRE(largest_difference(f(inputs), f(narrow)) < 1e-5);
    const Tensor cotangent = random_tensor({1500, 48}, Random{1, 5});
    const auto wide = gradients_of(f, inputs, cotangent), same = gradients_of(f, narrow, cotangent.to(DType::float32));
    for (size_t i = 0; i < wide.size(); ++i) REQUIRE(largest_difference(wide[i], same[i]) < 2e-4);
}

TEST_CASE("layer_norm says which shape is wrong") {
    const Tensor x = Tensor::zeros({2, 96}), right = Tensor::zeros({96}), wrong = Tensor::zeros({48});
    REQUIRE(error_of([&] { layer_norm(x, wrong, right); }) == "[layer_norm] weight must be [96], got [48]");
    REQUIRE(error_of([&] { layer_norm(x, right, wrong); }) == "[layer_norm] bias must be [96], got [48]");
}

TEST_CASE("layer_norm's fast path and kernels agree with its plain loops, on awkward sizes too") {
    const Function f = [](const std::vector<Tensor>& in) { return layer_norm(in[0], in[1], in[2]); };
    for (const int64_t rows : {1, 33, 257})
        for (const int64_t C : {1, 33, 257}) {
            const std::vector<Tensor> inputs{random_tensor({rows, C}, Random{1, 6}), random_tensor({C}, Random{1, 7}),
                                             random_tensor({C}, Random{1, 8})};
            INFO(rows << " rows of " << C);
            REQUIRE(largest_fast_error(f, inputs, DType::float64) < 1e-12);
            REQUIRE(largest_fast_error(f, inputs, DType::float32) < (C == 1 ? 1e-3 : 1e-5));
            REQUIRE(largest_kernel_error(f, inputs, DType::float64) < 1e-13);
            // One number's variance is 0, and 1 / sqrt(eps) makes much of rounding.
            REQUIRE(largest_kernel_error(f, inputs, DType::float32) < (C == 1 ? 1e-3 : 1e-5));
            if (C > 1) REQUIRE(largest_bfloat16_error(f, inputs, {0}) < 0.02);
        }
    const std::vector<Tensor> inputs{random_tensor({300, 48}, Random{1, 9}), random_tensor({48}, Random{1, 7}),
                                     random_tensor({48}, Random{1, 8})};
    REQUIRE(same_in_any_order(f, inputs, random_tensor({300, 48}, Random{1, 5})));
}

TEST_CASE("layer_norm refuses operands on two devices") {
    const Tensor x = Tensor::zeros({2, 4}), there = Tensor::zeros({4}, DType::float32, Device::cuda);
    REQUIRE(error_of([&] { layer_norm(x, there, there); }) ==
            "[layer_norm] x is float32 [2, 4] on cpu, but weight is float32 [4] on cuda: all must be on one device");
}
