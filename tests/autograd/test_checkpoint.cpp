#include "autograd/checkpoint.h"

#include "autograd/gradcheck.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// Four normalisations, one after the other, over x, weight and bias.
Tensor block(const std::vector<Tensor>& in) {
    Tensor y = in[0];
    for (int i = 0; i < 4; ++i) y = layer_norm(y, in[1], in[2]);
    return y;
}
Tensor two_blocks(const std::vector<Tensor>& in) { return block({block(in), in[1], in[2]}); }
Tensor checkpointed(const std::vector<Tensor>& in) { return checkpoint(block, {checkpoint(block, in), in[1], in[2]}); }
Tensor nested(const std::vector<Tensor>& in) { return checkpoint(checkpointed, in); }

std::vector<Tensor> inputs() {
    return {random_tensor({33, 5}, Random{4, 1}), random_tensor({5}, Random{4, 2}), random_tensor({5}, Random{4, 3})};
}

size_t bytes_saved(const Function& function) {
    auto leaves = inputs();
    for (Tensor& leaf : leaves) require_gradient(leaf);
    Tape tape;
    const Tensor y = function(leaves);
    size_t bytes = 0;
    for (const TapeEntry& entry : tape.entries())
        for (const Saved& saved : entry.saved) bytes += saved.tensor.bytes();
    return bytes;
}

}  // namespace

TEST_CASE("checkpointing changes no bit of value or gradient, nested or not") {
    const auto in = inputs();
    const Tensor cotangent = random_tensor({33, 5}, Random{4, 4});
    const auto expected = gradients_of(two_blocks, in, cotangent);
    for (const Function& function : {Function(checkpointed), Function(nested)}) {
        REQUIRE(function(in).values() == two_blocks(in).values());
        const auto gradients = gradients_of(function, in, cotangent);
        // Sums of the same terms; those of a weight used in both blocks arrive grouped by block.
        REQUIRE(gradients[0].values() == expected[0].values());
        for (size_t i = 1; i < 3; ++i) REQUIRE(largest_difference(gradients[i], expected[i]) < 1e-12);
    }
    const auto single = gradients_of(block, in, cotangent);
    const auto replayed =
        gradients_of([](const std::vector<Tensor>& x) { return checkpoint(block, x); }, in, cotangent);
    for (size_t i = 0; i < 3; ++i) REQUIRE(single[i].values() == replayed[i].values());
}

TEST_CASE("a checkpoint passes the gradient check") {
    const auto result = gradcheck(nested, inputs());
    INFO(result.report);
    REQUIRE(result.ok);
}

TEST_CASE("checkpointing saves inputs instead of what is inside") {
    const size_t whole = bytes_saved(two_blocks), parts = bytes_saved(checkpointed), least = bytes_saved(nested);
    REQUIRE(least == (33 * 5 + 5 + 5) * sizeof(double));
    REQUIRE(parts == 2 * least);
    REQUIRE(whole > 3 * parts);
}

TEST_CASE("a checkpoint of constants records nothing") {
    Tape tape;
    REQUIRE(checkpoint(block, inputs()).autograd() == nullptr);
    REQUIRE(tape.size() == 0);
}

TEST_CASE("the function runs once forward and once more for its gradient") {
    int runs = 0;
    const Function counted = [&](const std::vector<Tensor>& in) { return ++runs, block(in); };
    auto in = inputs();
    require_gradient(in[1]);
    Tape tape;
    const Tensor y = checkpoint(counted, in);
    REQUIRE(runs == 1);
    tape.backward(y, random_tensor({33, 5}, Random{4, 4}));
    REQUIRE(runs == 2);
}

TEST_CASE("an input that a checkpointed function ignores gets a gradient of zeros, of its own shape and dtype") {
    const Function ignores = [](const std::vector<Tensor>& in) { return layer_norm(in[0], in[1], in[2]); };
    for (const Device device : {Device::cpu, Device::cuda}) {
        std::vector<Tensor> in = on(device, inputs());
        in.push_back(random_tensor({7, 3}, Random{4, 5}).to(DType::float32).on(device));
        const auto gradients = gradients_of([&](const auto& x) { return checkpoint(ignores, x); }, in,
                                            random_tensor({33, 5}, Random{4, 4}));
        REQUIRE(gradients.size() == 4);
        REQUIRE(same_bits(gradients[3], in[3].zeros_like({7, 3})));
        REQUIRE(gradients[3].device() == device);
    }
}

TEST_CASE("a leaf that is captured collects its gradient only where some input needs one") {
    const auto in = inputs();
    Tensor x = in[0].detached(), weight = in[1].detached();
    require_gradient(weight, "weight");
    const Tensor cotangent = random_tensor({33, 5}, Random{4, 4});
    const Function captures = [&](const std::vector<Tensor>& inner) { return layer_norm(inner[0], weight, in[2]); };
    {
        Tape tape;
        REQUIRE(checkpoint(captures, {x}).autograd() == nullptr);
    }
    require_gradient(x);
    Tape tape;
    tape.backward(checkpoint(captures, {x}), cotangent);
    const auto expected =
        gradients_of([](const std::vector<Tensor>& i) { return layer_norm(i[0], i[1], i[2]); }, in, cotangent);
    REQUIRE(gradient(x).values() == expected[0].values());
    REQUIRE(gradient(weight).values() == expected[1].values());
}

TEST_CASE("a result of the outer tape cannot be captured") {
    auto in = inputs();
    for (Tensor& input : in) require_gradient(input);
    Tape tape;
    const Tensor h = block(in);
    const Tensor y =
        checkpoint([&](const std::vector<Tensor>& inner) { return layer_norm(h, inner[0], inner[1]); }, {in[1], in[2]});
    REQUIRE(
        error_of([&] {
            tape.backward(y, random_tensor({33, 5}, Random{4, 4}));
        }) ==
        "[layer_norm] input float64 [33, 5] on cpu was made on another tape; use detached() to take it as a constant");
}
