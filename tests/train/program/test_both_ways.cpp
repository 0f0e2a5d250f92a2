// What is said of a picture and its mirror image together.
#include "models/nn/layers.h"
#include "models/nn/parameters.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/program/tasks/both_ways.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// Says class 0 where the left half is bright, class 1 where the right one is: logits are the halves' sums.
struct Halves : Module {
    Tensor forward(const Tensor& x) const override {
        const int64_t half = x.shape()[2] / 2;
        const Tensor left = sum(slice(x, 2, 0, half), {1, 2, 3}), right = sum(slice(x, 2, half, 2 * half), {1, 2, 3});
        return stack({left, right}, 1);
    }
};

}  // namespace

TEST_CASE("an image is mirrored column by column, in any dtype, on any device") {
    const std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const Tensor images = Tensor::from({1, 2, 3, 2}, values);
    const std::vector<double> expected{5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8};
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
        for (const Device device : {Device::cpu, Device::cuda}) {
            const Tensor seen = mirrored(images.to(dtype).on(device));
            REQUIRE(seen.device() == device);
            REQUIRE(seen.values() == expected);
        }
    REQUIRE(error_of([&] { mirrored(images.view({12})); }) ==
            "[mirrored] images must be [B, H, W, C], got float32 [12] on cpu");
}

TEST_CASE("the mean of both probabilities is what the two sides say, worked by hand") {
    const Halves halves;
    // Sums 2 and 0 on one side, and the other way round on the other: each class has half of what it gets.
    const Tensor image = Tensor::from({2, 1, 2, 1}, std::vector<float>{2, 0, -1000, 1000});
    const std::vector<double> logits = BothWays(halves).forward(image).values();
    for (const size_t i : {0, 1, 2, 3}) REQUIRE(logits[i] == Approx(std::log(0.5)));
    // Logits whose exponentials are the probabilities, so that softmax changes nothing.
    REQUIRE(std::exp(logits[0]) + std::exp(logits[1]) == Approx(1));
}

TEST_CASE("probabilities are averaged, not logits") {
    // The left half alone: logits 0 and 4 of the picture, 2 and 4 of its mirror image.
    struct Left : Module {
        Tensor forward(const Tensor& x) const override {
            const Tensor left = sum(slice(x, 2, 0, 1), {1, 2, 3});
            return stack({left, Tensor::from({1}, std::vector<float>{4})}, 1);
        }
    } left;
    const Tensor image = Tensor::from({1, 1, 2, 1}, std::vector<float>{0, 2});
    const std::vector<double> logits = BothWays(left).forward(image).values();
    const double mean = (1 / (1 + std::exp(4.0)) + 1 / (1 + std::exp(2.0))) / 2;
    REQUIRE(std::exp(logits[0]) == Approx(mean));
    REQUIRE(mean != Approx(1 / (1 + std::exp(3.0))));  // what the mean of the logits would say
}

TEST_CASE("what is impossible by both images has a finite logarithm") {
    struct Sure : Module {
        Tensor forward(const Tensor& x) const override {
            return Tensor::from({x.shape()[0], 2}, std::vector<double>{-2000, 2000});
        }
    } sure;
    const Tensor logits = BothWays(sure).forward(Tensor::zeros({1, 1, 1, 1}));
    REQUIRE(std::isfinite(logits.values()[0]));
    REQUIRE(logits.values()[1] == 0);
}
