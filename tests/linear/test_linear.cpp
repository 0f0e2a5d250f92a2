#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Function with_bias = [](const std::vector<Tensor>& in) { return linear(in[0], in[1], in[2]); };

std::vector<Tensor> some_inputs(int64_t rows, int64_t I, int64_t O) {
    const Random random{3, static_cast<uint64_t>(rows * 1000 + I)};
    return {random_tensor({rows, I}, random.split(0)), random_tensor({O, I}, random.split(1)),
            random_tensor({O}, random.split(2))};
}

std::vector<Tensor> narrowed(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> narrow;
    for (const Tensor& input : inputs) narrow.push_back(input.to(DType::float32));
    return narrow;
}

}  // namespace

TEST_CASE("linear of (1, 2) under ((1, 0), (3, 4), (0, -1)) plus (10, 20, 30) is (11, 31, 28)") {
    const Tensor x = Tensor::from({2}, std::vector<double>{1, 2});
    const Tensor weight = Tensor::from({3, 2}, std::vector<double>{1, 0, 3, 4, 0, -1});
    const Tensor bias = Tensor::from({3}, std::vector<double>{10, 20, 30});
    REQUIRE(linear(x, weight, bias).values() == std::vector<double>{11, 31, 28});
    REQUIRE(linear(x, weight).values() == std::vector<double>{1, 11, -2});
    REQUIRE(linear(x.view({1, 1, 2}), weight).shape() == Shape{1, 1, 3});

    const Tensor dy = Tensor::from({3}, std::vector<double>{1, 10, 100});
    const auto gradients = gradients_of(with_bias, {x, weight, bias}, dy);
    REQUIRE(gradients[0].values() == std::vector<double>{1 + 30, 40 - 100});
    REQUIRE(gradients[1].values() == std::vector<double>{1, 2, 10, 20, 100, 200});
    REQUIRE(gradients[2].values() == dy.values());
}

TEST_CASE("linear in float agrees with double") {
    const auto inputs = some_inputs(1500, 33, 17);
    const Tensor cotangent = random_tensor({1500, 17}, Random{3, 2});
    REQUIRE(largest_difference(with_bias(inputs), with_bias(narrowed(inputs))) < 5e-5);
    const auto wide = gradients_of(with_bias, inputs, cotangent);
    const auto narrow = gradients_of(with_bias, narrowed(inputs), cotangent.to(DType::float32));
    for (size_t i = 0; i < wide.size(); ++i) REQUIRE(largest_difference(wide[i], narrow[i]) < 5e-4);
}

TEST_CASE("linear gives a row the same bits alone, among few and among many") {
    for (const DType dtype : {DType::float64, DType::float32, DType::bfloat16}) {
        const auto in = some_inputs(600, 701, 101);
        const Tensor x = in[0].to(dtype), weight = in[1].to(dtype), bias = in[2].to(acc_dtype(dtype));
        const Tensor many = linear(x, weight, bias);
        INFO(name_of(dtype));
        for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {1, 300}, {88, 600}, {87, 600}})
            REQUIRE(same_bits(linear(x.slice(begin, end), weight, bias), many.slice(begin, end)));
    }
}

TEST_CASE("linear gives the same bits on any number of threads") {
    const auto inputs = narrowed(some_inputs(9000, 65, 49));
    const Tensor cotangent = random_tensor({9000, 49}, Random{3, 3}).to(DType::float32);
    const int before = thread_count();
    set_thread_count(1);
    const Tensor y = with_bias(inputs);
    const auto alone = gradients_of(with_bias, inputs, cotangent);
    for (const int threads : {2, 3}) {
        set_thread_count(threads);
        REQUIRE(with_bias(inputs).values() == y.values());
        const auto together = gradients_of(with_bias, inputs, cotangent);
        for (size_t i = 0; i < 3; ++i) REQUIRE(together[i].values() == alone[i].values());
    }
    set_thread_count(before);
    const PlainLoops plain;
    REQUIRE(same_on_any_threads(with_bias, inputs, cotangent));
}

TEST_CASE("linear computes the gradients that are asked for and no others") {
    const auto on_cpu = some_inputs(300, 4, 3);
    const auto check = [&](Device device) {
        const auto inputs = on(device, on_cpu);
        const Tensor cotangent = random_tensor({300, 3}, Random{3, 4}).on(device);
        const auto all = gradients_of(with_bias, inputs, cotangent);
        for (size_t wanted = 0; wanted < 3; ++wanted) {
            std::vector<Tensor> leaves;
            for (const Tensor& input : inputs) leaves.push_back(input.detached());
            require_gradient(leaves[wanted]);
            Tape tape;
            tape.after_backward = [&](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
                for (size_t i = 0; i < 3; ++i) REQUIRE(gradients[i].defined() == (i == wanted));
            };
            tape.backward(with_bias(leaves), cotangent);
            REQUIRE(same_bits(gradient(leaves[wanted]), all[wanted]));
        }
    };
    check(Device::cpu);
    check(Device::cuda);
    const PlainLoops plain;
    check(Device::cpu);
}

TEST_CASE("linear of no rows has no rows, and zero parameter gradients") {
    const std::vector<Tensor> inputs{Tensor::zeros({0, 2}), Tensor::zeros({3, 2}), Tensor::zeros({3})};
    REQUIRE(with_bias(inputs).shape() == Shape{0, 3});
    const auto gradients = gradients_of(with_bias, inputs, Tensor::zeros({0, 3}));
    REQUIRE(gradients[1].values() == std::vector<double>(6, 0.0));
    REQUIRE(gradients[2].values() == std::vector<double>(3, 0.0));
}

TEST_CASE("linear says which shape is wrong") {
    const Tensor x = Tensor::zeros({2, 3, 96}), weight = Tensor::zeros({5, 96}), bias = Tensor::zeros({5});
    REQUIRE(error_of([&] { linear(x, bias); }) == "[linear] weight must be [O, I], got [5]");
    REQUIRE(error_of([&] {
                linear(x, Tensor::zeros({5, 48}));
            }) == "[linear] x must be [..., 48] for a weight [5, 48], got [2, 3, 96]");
    REQUIRE(error_of([&] { linear(x, weight, Tensor::zeros({96})); }) == "[linear] bias must be [5], got [96]");
    REQUIRE(error_of([&] { linear(x, Tensor::zeros({0, 96})); }) == "[linear] weight must have elements, got [0, 96]");
}

TEST_CASE("linear's fast path and kernels agree with its plain loops, with a bias and without, on awkward sizes too") {
    const Function no_bias = [](const std::vector<Tensor>& in) { return linear(in[0], in[1]); };
    for (const int64_t rows : {0, 1, 33, 256, 257, 1100})
        for (const int64_t I : {1, 7, 33}) {
            const auto inputs = some_inputs(rows, I, 17);
            const std::vector<Tensor> two{inputs[0], inputs[1]};
            INFO(rows << " rows of " << I);
            REQUIRE(largest_fast_error(with_bias, inputs, DType::float64) < 1e-12);
            REQUIRE(largest_fast_error(with_bias, inputs, DType::float32) < 1e-5);
            REQUIRE(largest_fast_error(no_bias, two, DType::float64) < 1e-12);
            REQUIRE(largest_kernel_error(with_bias, inputs, DType::float64) < 1e-12);
            REQUIRE(largest_kernel_error(with_bias, inputs, DType::float32) < 1e-5);
            REQUIRE(largest_bfloat16_error(with_bias, inputs, {0, 1}) < 0.01);
            REQUIRE(largest_kernel_error(no_bias, two, DType::float64) < 1e-12);
            REQUIRE(largest_bfloat16_error(no_bias, two, {0, 1}) < 0.01);
        }
    REQUIRE(same_in_any_order(with_bias, some_inputs(300, 7, 5), random_tensor({300, 5}, Random{3, 1})));
}

TEST_CASE("linear in bfloat16 gives its bias a gradient in float32, the others in bfloat16") {
    auto inputs = some_inputs(3, 4, 5);
    inputs =
        on(Device::cuda, {inputs[0].to(DType::bfloat16), inputs[1].to(DType::bfloat16), inputs[2].to(DType::float32)});
    REQUIRE(with_bias(inputs).dtype() == DType::bfloat16);
    const auto gradients = gradients_of(with_bias, inputs, random_tensor({3, 5}, Random{3, 5}).to(DType::bfloat16));
    for (size_t i = 0; i < 3; ++i) {
        REQUIRE(gradients[i].dtype() == inputs[i].dtype());
        REQUIRE(gradients[i].device() == Device::cuda);
    }
}

TEST_CASE("linear refuses operands on two devices") {
    const Tensor x = Tensor::zeros({2, 4}), there = Tensor::zeros({3, 4}, DType::float32, Device::cuda);
    REQUIRE(error_of([&] { linear(x, there); }) ==
            "[linear] x is float32 [2, 4] on cpu, but weight is float32 [3, 4] on cuda: all must be on one device");
}
