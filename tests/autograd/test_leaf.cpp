// Leaves: where gradients end up, and what may be done with them there.
#include "ops/ops.h"
#include "tests/autograd/tape_nodes.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("gradients accumulate over tapes until they are cleared") {
    const Tensor x = leaf({1, 2});
    for (int pass = 1; pass <= 3; ++pass) {
        Tape tape;
        tape.backward(multiply(x, vector({5, 7})), vector({1, 1}));
        REQUIRE(gradient(x).values() == Values{5.0 * pass, 7.0 * pass});
    }
    zero_grad(x);
    REQUIRE_FALSE(gradient(x).defined());
}

TEST_CASE("a leaf's gradient can be changed in place without changing another's") {
    const Tensor x = leaf({1, 1}), y = leaf({1, 1}), cotangent = vector({1, 2});
    Tape tape;
    tape.backward(plus(x, y), cotangent);
    gradient(x).fill_zero();
    REQUIRE(gradient(y).values() == Values{1, 2});
    gradient(y).fill_zero();
    REQUIRE(cotangent.values() == Values{1, 2});
}

TEST_CASE("a bound gradient is collected in its buffer, over what was there") {
    const Tensor x = leaf({1, 2}, "x"), all = vector({9, 9, 9, 9});
    REQUIRE(error_of([&] { bind_gradient(x, all); }) ==
            "[bind_gradient] buffer must be float64 [2] on cpu, got float64 [4] on cpu");
    REQUIRE(error_of([&] { bind_gradient(x, Tensor()); }) ==
            "[bind_gradient] buffer must be float64 [2] on cpu, got an undefined tensor");
    bind_gradient(x, all.slice(1, 3));
    REQUIRE_FALSE(gradient(x).defined());
    for (int pass = 0; pass < 2; ++pass) {
        Tape tape;
        tape.backward(multiply(x, vector({5, 7})), vector({1, 1}));
    }
    REQUIRE(all.values() == Values{9, 10, 14, 9});
    zero_grad(x);
    REQUIRE_FALSE(gradient(x).defined());
    Tape tape;
    tape.backward(plus(plus(x, x), x), vector({1, 2}));
    REQUIRE(all.values() == Values{9, 3, 6, 9});
}

TEST_CASE("a parameter's gradient is computed in the buffer that it is bound to, once, and added to it afterwards") {
    const auto numbers = [](const Shape& shape, double from) {
        const Tensor tensor = Tensor::empty(shape, DType::float64);
        for (int64_t i = 0; i < tensor.numel(); ++i) tensor.data<double>()[i] = from + static_cast<double>(i * i % 7);
        return tensor;
    };
    Tensor weight = numbers({3, 2}, 1), bias = numbers({3}, 2);
    require_gradient(weight, "weight");
    require_gradient(bias, "bias");
    const Tensor x = numbers({4, 2}, -3), cotangent = numbers({4, 3}, -2);
    const auto pass = [&](const Tensor& weights, const Tensor& biases, int times) {
        std::vector<const void*> made;  // where each node computed its gradients
        Tape tape;
        tape.after_backward = [&](const Node& node, const NeedsInputGrad&, const std::vector<Tensor>& gradients) {
            if (node.name() == "linear") made.insert(made.end(), {gradients[1].address(), gradients[2].address()});
        };
        Tensor sum = linear(x, weights, biases);
        for (int i = 1; i < times; ++i) sum = add(sum, linear(x, weights, biases));
        tape.backward(sum, cotangent);
        return made;
    };
    pass(weight, bias, 1);
    const Values expected = gradient(weight).values(), expected_bias = gradient(bias).values();
    const auto times = [](Values values, double factor) {
        for (double& value : values) value *= factor;
        return values;
    };

    const Tensor buffer = Tensor::empty({9}, DType::float64);
    const Tensor of_weight = buffer.subrange(0, {3, 2}), of_bias = buffer.subrange(6, {3});
    zero_grad(weight);
    zero_grad(bias);
    bind_gradient(weight, of_weight);
    bind_gradient(bias, of_bias);
    REQUIRE(pass(weight, bias, 1) == std::vector<const void*>{of_weight.address(), of_bias.address()});
    REQUIRE(of_weight.values() == expected);
    REQUIRE(of_bias.values() == expected_bias);
    // What is there already is not written over: not by the next tape, nor by a second node of one tape.
    for (const void* address : pass(weight, bias, 1)) {
        REQUIRE(address != of_weight.address());
        REQUIRE(address != of_bias.address());
    }
    REQUIRE(of_weight.values() == times(expected, 2));
    zero_grad(weight);
    zero_grad(bias);
    pass(weight, bias, 3);
    REQUIRE(of_weight.values() == times(expected, 3));
    REQUIRE(of_bias.values() == times(expected_bias, 3));
}

TEST_CASE("a leaf that is two inputs of one node gets the sum of both gradients in its buffer") {
    Tensor both = vector({1, 2, 3, 4}).view({2, 2}), plain = both.clone();
    require_gradient(both, "both");
    require_gradient(plain, "plain");
    const Tensor buffer = Tensor::empty({2, 2}, DType::float64);
    bind_gradient(both, buffer);
    for (const Tensor& leaf : {both, plain}) {
        Tape tape;
        tape.backward(linear(leaf, leaf), vector({1, 10, 100, 1000}).view({2, 2}));
    }
    REQUIRE(buffer.values() == gradient(plain).values());
}

TEST_CASE("what a hook puts in the place of a gradient that was computed in its buffer is what counts") {
    Tensor weight = vector({1, 2}).view({1, 2});
    require_gradient(weight, "weight");
    const Tensor buffer = Tensor::empty({1, 2}, DType::float64);
    bind_gradient(weight, buffer);
    Tape tape;
    tape.after_backward = [](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
        gradients[1] = vector({7, 8}).view({1, 2});
    };
    tape.backward(linear(vector({3, 4}).view({1, 2}), weight));
    REQUIRE(buffer.values() == Values{7, 8});
}

TEST_CASE("leaves that received nothing can be named") {
    const Tensor x = leaf({1}, "blocks.0.weight"), y = leaf({1}, "blocks.1.weight"), z = leaf({1}, "head.bias");
    Tape tape;
    tape.backward(multiply(x, x));
    REQUIRE(without_gradient({x, y, z}) == std::vector<std::string>{"blocks.1.weight", "head.bias"});
}

TEST_CASE("only tensors of floats can be leaves") {
    Tensor labels = Tensor::zeros({3}, DType::int64);
    REQUIRE(error_of([&] { require_gradient(labels); }) ==
            "[require_gradient] only floating-point tensors have gradients, got int64 [3] on cpu");
}
