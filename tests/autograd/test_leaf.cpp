// Leaves: where gradients end up, and what may be done with them there.
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
