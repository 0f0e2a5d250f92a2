#include "ops/ops.h"
#include "tests/catch.h"
#include "tests/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("log_cpb is 16 sigmoid of a two-layer network of the offset") {
    const WindowMap map = make_window_map({3, 2}, {3, 2}, {0, 0});
    const Tensor coordinates = log_coordinates({3, 2}, {0, 0}, DType::float64);
    const Tensor weight1 = random_tensor({5, 2}, Random{3, 1}), bias1 = random_tensor({5}, Random{3, 2}),
                 weight2 = random_tensor({2, 5}, Random{3, 3});
    const auto y = log_cpb(coordinates, weight1, bias1, weight2, map).values();
    const auto axis = [](int64_t d, int64_t size) {  // sign(z) log2(|z| + 1) / 3, z = 8 d / (size - 1)
        const double z = 8.0 * static_cast<double>(d) / static_cast<double>(size - 1);
        return std::copysign(std::log2(std::abs(z) + 1) / 3, z);
    };
    for (int64_t head = 0; head < 2; ++head)
        for (int64_t a = 0; a < 6; ++a)
            for (int64_t b = 0; b < 6; ++b) {
                const double down = axis(a / 2 - b / 2, 3), across = axis(a % 2 - b % 2, 2);
                double t = 0;
                for (int64_t u = 0; u < 5; ++u) {
                    const double *w1 = weight1.data<double>() + 2 * u,
                                 pre = w1[0] * down + w1[1] * across + bias1.data<double>()[u];
                    t += std::max(pre, 0.0) * weight2.data<double>()[head * 5 + u];
                }
                REQUIRE(y[static_cast<size_t>((head * 6 + a) * 6 + b)] ==
                        Approx(16 / (1 + std::exp(-t))).margin(1e-6));  // float32 coordinates
            }
}

TEST_CASE("log_cpb of a one-token window is one number a head") {
    const Tensor y = log_cpb(log_coordinates({1, 1}, {0, 0}, DType::float32), Tensor::zeros({4, 2}), Tensor::zeros({4}),
                             Tensor::zeros({3, 4}), make_window_map({1, 1}, {1, 1}, {0, 0}));
    REQUIRE(y.shape() == Shape{3, 1, 1});
    REQUIRE(y.values() == std::vector<double>{8, 8, 8});
}

TEST_CASE("log_cpb gives no gradient at a hidden unit of exactly zero, and refuses one for the coordinates") {
    const WindowMap map = make_window_map({2, 2}, {2, 2}, {0, 0});
    Tensor coordinates = log_coordinates({2, 2}, {0, 0}, DType::float64);
    const Function f = [&](const std::vector<Tensor>& in) { return log_cpb(coordinates, in[0], in[1], in[2], map); };
    // With zero weights every hidden unit is exactly 0.
    const auto gradients = gradients_of(f,
                                        {Tensor::zeros({4, 2}, DType::float64), Tensor::zeros({4}, DType::float64),
                                         random_tensor({1, 4}, Random{3, 4})},
                                        random_tensor({1, 4, 4}, Random{3, 5}));
    REQUIRE(gradients[1].values() == std::vector<double>(4, 0.0));
    require_gradient(coordinates);
    Tape tape;
    REQUIRE(error_of([&] {
                f({Tensor::zeros({4, 2}, DType::float64), Tensor::zeros({4}, DType::float64),
                   Tensor::zeros({1, 4}, DType::float64)});
            }).rfind("[log_cpb] has no gradient", 0) == 0);
}

TEST_CASE("log_cpb says which coordinates belong to the window") {
    const Tensor four = Tensor::zeros({4, 2});
    REQUIRE(error_of([&] {
                log_cpb(four, four, Tensor::zeros({4}), Tensor::zeros({1, 4}), make_window_map({2, 2}, {2, 2}, {0, 0}));
            }) == "[log_cpb] coordinates of a 2 x 2 window must be [9, 2], got [4, 2]");
}
