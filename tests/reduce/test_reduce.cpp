#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <numeric>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("sum and mean of 1, 2, 3, 6 are 12 and 3") {
    const Tensor x = Tensor::from({2, 2}, std::vector<double>{1, 2, 3, 6});
    REQUIRE(sum(x).item() == 12);
    REQUIRE(mean(x).item() == 3);
    REQUIRE(sum(x).shape() == Shape{});
    REQUIRE(sum(Tensor::zeros({0, 4})).item() == 0);
}

TEST_CASE("sum and mean agree with plain addition at any length") {
    for (const int64_t length : {1, 33, 257, 16'384, 16'385, 100'003}) {
        const Tensor x = random_tensor({length}, Random{4, 1});
        const auto values = x.values();
        const double expected = std::accumulate(values.begin(), values.end(), 0.0);
        REQUIRE(sum(x).item() == Approx(expected).margin(1e-9));
        REQUIRE(mean(x).item() == Approx(expected / static_cast<double>(length)).margin(1e-12));
    }
}

TEST_CASE("the gradient of sum is 1 everywhere, that of mean 1/n, each times the cotangent") {
    const Tensor x = random_tensor({3, 11}, Random{4, 2}), c = Tensor::from({}, std::vector<double>{-2.5});
    for (const double d : gradients_of([](const auto& in) { return sum(in[0]); }, {x}, c)[0].values())
        REQUIRE(d == -2.5);
    for (const double d : gradients_of([](const auto& in) { return mean(in[0]); }, {x}, c)[0].values())
        REQUIRE(d == Approx(-2.5 / 33));
}

TEST_CASE("a tensor summed twice receives both gradients") {
    const Tensor x = random_tensor({2, 3}, Random{4, 3}), c = Tensor::from({}, std::vector<double>{3});
    const auto d = gradients_of([](const auto& in) { return add(sum(in[0]), mean(in[0])); }, {x}, c);
    for (const double value : d[0].values()) REQUIRE(value == Approx(3 + 0.5));
}

TEST_CASE("sum in float keeps its accuracy over a million elements") {
    // All about 1: an ordinary float sum would be off by some tens here.
    const Tensor x = random_tensor({1000, 1000}, Random{4, 4}, 0.1, 1.0);
    const Function f = [](const std::vector<Tensor>& in) { return sum(in[0]); };
    REQUIRE(largest_float_error(f, {x}) < 0.1);
    REQUIRE(largest_float_error([](const std::vector<Tensor>& in) { return mean(in[0]); }, {x}) < 1e-6);
}

TEST_CASE("sum has the same bits on one thread and on two") {
    const Tensor x = random_tensor({250'007}, Random{4, 5}).to(DType::float32);
    const int before = thread_count();
    set_thread_count(1);
    const Tensor one = sum(x);
    set_thread_count(2);
    const Tensor two = sum(x);
    set_thread_count(before);
    REQUIRE(same_bits(one, two));
}

TEST_CASE("mean of nothing is an error, and so are integers") {
    REQUIRE(error_of([] { mean(Tensor::zeros({0, 4})); }) == "[mean] expects at least one element, got [0, 4]");
    REQUIRE(error_of([] { sum(Tensor::zeros({2}, DType::int64)); }) ==
            "[sum] expects float32, float64 or bfloat16, got int64");
}

TEST_CASE("the fast path and the kernels of sum and mean agree with their plain loops at any length") {
    const Function total = [](const std::vector<Tensor>& in) { return sum(in[0]); };
    const Function average = [](const std::vector<Tensor>& in) { return mean(in[0]); };
    for (const int64_t length : {1, 33, 257, 4095, 20'001}) {
        const std::vector<Tensor> x{random_tensor({length}, Random{4, 6})};
        INFO(length << " elements");
        for (const Function& f : {total, average}) {
            REQUIRE(largest_fast_error(f, x, DType::float64) < 1e-13);
            REQUIRE(largest_fast_error(f, x, DType::float32) < 1e-5);
        }
        REQUIRE(largest_kernel_error(total, x, DType::float64) < 1e-12);
        REQUIRE(largest_kernel_error(average, x, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(total, x, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(average, x, {0}) < 0x1p-8);
    }
}

TEST_CASE("the kernels of sum give the same bits in whatever order threads run") {
    const Function total = [](const std::vector<Tensor>& in) { return sum(in[0]); };
    const Tensor x = random_tensor({9001}, Random{4, 7}).to(DType::float32);
    REQUIRE(same_in_any_order(total, {x}, Tensor::from({}, std::vector<float>{0.7f})));
    REQUIRE(sum(Tensor::zeros({0, 4}, DType::float64, Device::cuda)).item() == 0);
}

TEST_CASE("the sum of a bfloat16 tensor is a float32, its gradient bfloat16 again") {
    Tensor x = Tensor::from({300}, std::vector<float>(300, 1.0f)).to(DType::bfloat16).on(Device::cuda);
    require_gradient(x);
    Tape tape;
    const Tensor y = sum(x);
    REQUIRE(y.dtype() == DType::float32);
    REQUIRE(y.item() == 300);  // which bfloat16 does not have
    tape.backward(y);
    REQUIRE(gradient(x).dtype() == DType::bfloat16);
    REQUIRE(gradient(x).values() == std::vector<double>(300, 1.0));
}

TEST_CASE("sum and mean over axes are those of torch, and so is the gradient of mean") {
    // x = (torch.arange(24.) * 7 % 11).reshape(2, 4, 3) - 5; x.sum((0, 2)), x.mean((0, 2)), and the gradient of the
    // mean for the cotangent c
    const Tensor x = Tensor::from({2, 4, 3}, std::vector<double>{-5, 2,  -2, 5, 1,  -3, 4, 0,  -4, 3,  -1, -5,
                                                                 2,  -2, 5,  1, -3, 4,  0, -4, 3,  -1, -5, 2});
    REQUIRE(sum(x, {0, 2}).values() == std::vector<double>{0, 5, -1, -7});
    const Function f = [](const auto& in) { return mean(in[0], {0, -1}); };
    const auto means = f({x}).values(), expected = std::vector<double>{0, 5 / 6.0, -1 / 6.0, -7 / 6.0};
    for (size_t i = 0; i < 4; ++i) REQUIRE(means[i] == Approx(expected[i]).margin(1e-15));
    const Tensor c = Tensor::from({4}, std::vector<double>{1, 2, -3, 0.5});
    const auto d = gradients_of(f, {x}, c)[0].values();
    for (size_t i = 0; i < 24; ++i) REQUIRE(d[i] == Approx(c.values()[i / 3 % 4] / 6));
}

TEST_CASE("sum and mean over axes leave them out, or keep them with size 1, in whatever order they are given") {
    const Tensor x = random_tensor({2, 3, 4, 5}, Random{4, 8});
    REQUIRE(sum(x, {2, 0}).shape() == Shape{3, 5});
    REQUIRE(sum(x, {2, 0}, true).shape() == Shape{1, 3, 1, 5});
    REQUIRE(mean(x, {-1}).shape() == Shape{2, 3, 4});
    REQUIRE(mean(x, {0, 1, 2, 3}).shape() == Shape{});
    REQUIRE(same_bits(sum(x, {2, 0}), sum(x, {0, -2})));
    REQUIRE(sum(x, {0, 1, 2, 3}).item() == Approx(sum(x).item()));
    REQUIRE(sum(Tensor::zeros({0, 4}), {0}).values() == std::vector<double>(4, 0.0));
    REQUIRE(mean(Tensor::zeros({0, 4}), {1}).shape() == Shape{0});
}

TEST_CASE("sum and mean over axes in float agree with double, and their kernels with the loops") {
    for (const std::vector<int>& axes : {std::vector<int>{0}, {1}, {-1}, {0, 2}, {0, 1, 2}}) {
        const Tensor x = random_tensor({7, 33, 40}, Random{4, 9});
        const Function total = [&](const auto& in) { return sum(in[0], axes); };
        const Function average = [&](const auto& in) { return mean(in[0], axes, true); };
        REQUIRE(largest_float_error(total, {x}) < 1e-4);
        REQUIRE(largest_float_error(average, {x}) < 1e-6);
        for (const Function& f : {total, average}) {
            REQUIRE(largest_kernel_error(f, {x}, DType::float64) < 1e-13);
            REQUIRE(largest_kernel_error(f, {x}, DType::float32) < 1e-5);
        }
        REQUIRE(largest_bfloat16_error(average, {x}, {0}) < 0x1p-7);
    }
}

TEST_CASE("sum over axes in float keeps its accuracy over many rows and over long ones") {
    // All about 1: an ordinary float sum would be off by some units here.
    const Tensor x = random_tensor({200'000, 3}, Random{4, 10}, 0.1, 1.0), turned = permute(x, {1, 0});
    const auto look = [&] {
        REQUIRE(largest_float_error([](const auto& in) { return sum(in[0], {0}); }, {x}) < 0.1);
        REQUIRE(largest_float_error([](const auto& in) { return sum(in[0], {1}); }, {turned}) < 0.1);
    };
    look();
    const PlainLoops plain;
    look();
}

TEST_CASE("sum and mean name the axes that do not fit") {
    const Tensor x = Tensor::zeros({2, 0, 3});
    REQUIRE(error_of([&] { sum(x, {0, 3}); }) == "[sum] [2, 0, 3] has no axis 3");
    REQUIRE(error_of([&] { sum(x, {2, -1}); }) == "[sum] axis 2 of [2, 0, 3] is given twice");
    REQUIRE(error_of([&] { mean(x, {-4}, true); }) == "[mean] [2, 0, 3] has no axis -4");
    REQUIRE(error_of([&] {
                mean(x, {0, 1});
            }) == "[mean] expects at least one element along each of its axes, got [2, 0, 3]");
    REQUIRE(error_of([&] { sum(x, {}); }) == "[sum] expects at least one axis; sum(x) is over all of them");
}
