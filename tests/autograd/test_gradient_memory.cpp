// Gradients of parameters that are computed where they are collected.
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Values = std::vector<double>;
Tensor vector(const Values& values) { return Tensor::from({static_cast<int64_t>(values.size())}, values); }

}  // namespace

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
