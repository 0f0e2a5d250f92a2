#include "autograd/tape.h"

#include "autograd/gradcheck.h"
#include "tests/autograd/tape_nodes.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <algorithm>
#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("a worked example: z = (x y) x has dz/dx = 2 x y and dz/dy = x^2") {
    const Tensor x = leaf({3}), y = leaf({5});
    Tape tape;
    const Tensor z = multiply(multiply(x, y), x);
    REQUIRE(z.item() == 45);
    REQUIRE(tape.size() == 2);
    tape.backward(z);
    REQUIRE(gradient(x).values() == Values{30});
    REQUIRE(gradient(y).values() == Values{9});
}

TEST_CASE("a cotangent weighs the elements of the output") {
    const Tensor x = leaf({1, 2, 3});
    Tape tape;
    const Tensor y = multiply(x, vector({10, 10, 10}));
    REQUIRE(error_of([&] { tape.backward(y); }) == "[backward] a [3] output needs a cotangent of the same shape");
    REQUIRE(error_of([&] { tape.backward(y, vector({1})); }) ==
            "[backward] the cotangent must be float64 [3] on cpu, got float64 [1] on cpu");
    tape.backward(y, vector({1, 0, -1}));
    REQUIRE(gradient(x).values() == Values{10, 0, -10});
}

TEST_CASE("a cotangent that is undefined is an error, also where the output is a scalar") {
    Tensor x = Tensor::from({}, std::vector<float>{2});
    require_gradient(x);
    Tape tape;
    const Tensor y = any(x, {x.detached()});
    REQUIRE(error_of([&] { tape.backward(y, Tensor()); }) ==
            "[backward] the cotangent must be float32 [] on cpu, got an undefined tensor");
}

TEST_CASE("an input used twice receives the sum") {
    const Tensor x = leaf({1, 2});
    Tape tape;
    tape.backward(multiply(x, x), vector({1, 1}));
    REQUIRE(gradient(x).values() == Values{2, 4});
}

TEST_CASE("a gradient that a node returned for both inputs is never written to through one of them") {
    const Tensor x = leaf({1, 1}), y = leaf({1, 1}), cotangent = vector({1, 2});
    {
        // The gradient of `sum` reaches x and y; x receives more, before and after.
        Tape tape;
        const Tensor sum = plus(x, y);
        const Tensor more = plus(plus(sum, x), x);
        tape.backward(more, cotangent);
    }
    REQUIRE(gradient(x).values() == Values{3, 6});
    REQUIRE(gradient(y).values() == Values{1, 2});
    REQUIRE(cotangent.values() == Values{1, 2});
}

TEST_CASE("a gradient that waits at two nodes is not added to in place at one of them") {
    const Tensor x = leaf({1, 1}), y = leaf({1, 1}), one = vector({1, 1}), cotangent = vector({1, 2});
    Tape tape;
    const Tensor a = multiply(x, one), b = multiply(y, one);
    // The cotangent itself waits at a; then a + b sends the same memory to both.
    tape.backward(plus(plus(a, b), a), cotangent);
    REQUIRE(gradient(x).values() == Values{2, 4});
    REQUIRE(gradient(y).values() == Values{1, 2});
    REQUIRE(cotangent.values() == Values{1, 2});
}

TEST_CASE("constants receive nothing, and nothing is recorded for them alone") {
    const Tensor x = leaf({2}), constant = vector({3});
    Tape tape;
    REQUIRE_FALSE(recording({constant}));
    REQUIRE(multiply(constant, constant).autograd() == nullptr);
    REQUIRE(tape.size() == 0);
    const Tensor y = multiply(x, constant);
    const Tensor stopped = multiply(x.detached(), constant);
    REQUIRE(tape.size() == 1);
    tape.backward(y);
    REQUIRE(gradient(x).values() == Values{3});
    REQUIRE(error_of([&] { gradient(constant); }) ==
            "[gradient] expects a leaf made by require_gradient, got float64 [1] on cpu");
}

TEST_CASE("nodes that the output does not depend on are not asked") {
    const Tensor x = leaf({2}), y = leaf({3});
    Tape tape;
    const Tensor wanted = multiply(x, x);
    const Tensor unwanted = any(multiply(y, y), {});  // would fail
    tape.backward(wanted);
    REQUIRE(gradient(x).values() == Values{4});
    REQUIRE_FALSE(gradient(y).defined());
}

TEST_CASE("a tape can be walked once") {
    const Tensor x = leaf({2});
    Tape tape;
    const Tensor y = multiply(x, x);
    tape.backward(y);
    REQUIRE(tape.size() == 0);
    REQUIRE(error_of([&] { tape.backward(y); }) ==
            "[backward] this tape was walked already and has let go of what it saved; record again");
    REQUIRE(error_of([&] { multiply(x, x); }) ==
            "[multiply] this tape was walked backward already; make a new Tape for new work");
    REQUIRE(gradient(x).values() == Values{4});
}

TEST_CASE("a tape lets go of what nodes saved while it walks") {
    const Tensor x = leaf({2});
    Tape tape;
    const Tensor y = multiply(x, x);
    REQUIRE(x.sharers() == 3);
    tape.backward(y);
    REQUIRE(x.sharers() == 1);
}

TEST_CASE("a tensor of another tape is an error") {
    const Tensor x = leaf({2});
    Tape outer;
    const Tensor y = multiply(x, x);
    {
        Tape inner;
        REQUIRE(
            error_of([&] { multiply(y, x); }) ==
            "[multiply] input float64 [1] on cpu was made on another tape; use detached() to take it as a constant");
        const Tensor z = multiply(y.detached(), x);
        REQUIRE(error_of([&] { inner.backward(y); }) ==
                "[backward] the output was not computed on this tape from anything that needs a gradient");
        inner.backward(z);
        REQUIRE(gradient(x).values() == Values{4});
    }
    outer.backward(y);  // recording went back to the outer tape, which is as it was
    REQUIRE(gradient(x).values() == Values{8});
}

TEST_CASE("nothing is recorded without a tape or under NoGrad") {
    const Tensor x = leaf({2});
    REQUIRE_FALSE(recording({x}));
    REQUIRE(multiply(x, x).autograd() == nullptr);
    Tape tape;
    REQUIRE(recording({x}));
    {
        const NoGrad no_grad;
        REQUIRE_FALSE(recording({x}));
        REQUIRE(multiply(x, x).autograd() == nullptr);
    }
    REQUIRE(recording({x}));
    REQUIRE(error_of([&] { refuse_gradient("argmax", {x}); }) ==
            "[argmax] has no gradient; take its inputs detached() or use NoGrad");
    REQUIRE(error_of([&] { refuse_gradient("argmax", {x.detached()}); }) == "no error");
}

TEST_CASE("check_finite names the first node that goes wrong, forward or backward") {
    const Tensor x = leaf({1, 2}), infinite = vector({1, INFINITY});
    Tape tape;
    tape.check_finite();
    REQUIRE(error_of([&] { multiply(multiply(x, x), infinite); }) ==
            "[multiply] node 1: output [2] holds inf at element 1, the first value that is not finite");
    const Tensor y = any(x, {infinite});
    REQUIRE(error_of([&] {
                tape.backward(y, vector({1, 1}));
            }) == "[any] node 1: gradient of input 0 [2] holds inf at element 1, the first value that is not finite");
}

TEST_CASE("check_finite reads bfloat16 too") {
    Tensor x = Tensor::from({2}, std::vector<float>{1, INFINITY}).to(DType::bfloat16);
    require_gradient(x);
    Tape tape;
    tape.check_finite();
    REQUIRE(error_of([&] { any(x, {}); }) ==
            "[any] node 0: output [2] holds inf at element 1, the first value that is not finite");
}

TEST_CASE("a node that returns the wrong number or kind of gradients is named") {
    const Tensor x = leaf({1, 2});
    const auto error = [&](std::vector<Tensor> gradients) {
        return error_of([&] {
            Tape tape;
            tape.backward(any(x, std::move(gradients)), vector({1, 1}));
        });
    };
    REQUIRE(error({}) == "[any] backward must return 1 gradients, returned 0");
    REQUIRE(error({vector({1, 1}), vector({1, 1})}) == "[any] backward must return 1 gradients, returned 2");
    REQUIRE(error({Tensor()}) == "[any] the gradient of input 0 must be float64 [2], got an undefined tensor");
    REQUIRE(error({vector({1})}) == "[any] the gradient of input 0 must be float64 [2], got float64 [1] on cpu");
    REQUIRE(error({Tensor::zeros({2})}) == "[any] the gradient of input 0 must be float64 [2], got float32 [2] on cpu");
    REQUIRE_FALSE(gradient(x).defined());
}

TEST_CASE("a tape can be looked at, whole and while it is walked") {
    const Tensor x = leaf({1, 2}, "x");
    Tape tape;
    const Tensor y = plus(multiply(x, vector({3, 4})), x);
    const auto entries = tape.entries();
    REQUIRE(entries.size() == 2);
    REQUIRE(entries[0].name == "multiply");
    REQUIRE(entries[0].shape == Shape{2});
    REQUIRE(entries[0].saved.size() == 2);
    REQUIRE(entries[0].saved[1].tensor.values() == Values{3, 4});
    REQUIRE(entries[0].inputs[0].is_leaf);
    REQUIRE(entries[0].inputs[0].leaf == "x");
    REQUIRE_FALSE(entries[0].inputs[1].is_leaf);  // a constant
    REQUIRE(entries[0].inputs[1].node == TapeEntry::no_node);
    REQUIRE(entries[1].number == 1);
    REQUIRE(entries[1].inputs[0].node == 0);
    REQUIRE(entries[1].inputs[1].leaf == "x");
    std::vector<size_t> left;
    tape.after_backward = [&](const Node&, const NeedsInputGrad&, std::vector<Tensor>&) {
        left.push_back(tape.entries().size());
    };
    tape.backward(y, vector({1, 1}));
    REQUIRE(left == std::vector<size_t>{1, 0});
}

TEST_CASE("after_backward sees every gradient before it is used, and may change it") {
    const Tensor x = leaf({3});
    Tape tape;
    std::vector<std::string> names;
    tape.after_backward = [&](const Node& node, const NeedsInputGrad& needs_input_grad,
                              std::vector<Tensor>& gradients) {
        names.emplace_back(node.name());
        REQUIRE(needs_input_grad.size() == 2);
        if (node.name() == "plus") gradients[0] = vector({100});
    };
    tape.backward(plus(multiply(x, x), x));
    REQUIRE(names == std::vector<std::string>{"plus", "multiply"});
    REQUIRE(gradient(x).item() == 601);
}

TEST_CASE("after_record sees every node as it is recorded, and nothing that is not") {
    const Tensor x = leaf({3});
    Tape tape;
    std::vector<std::string> names;
    tape.after_record = [&](const Node& node) { names.emplace_back(node.name()); };
    const Tensor y = plus(multiply(x, x), x);
    multiply(vector({1}), vector({2}));
    tape.backward(y);
    REQUIRE(names == std::vector<std::string>{"multiply", "plus"});
}
