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
