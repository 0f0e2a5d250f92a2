#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

Function masking(const Tensor& mask) {
    return [=](const std::vector<Tensor>& in) { return mask_tokens(in[0], in[1], mask.on(in[0].device())); };
}

// Masked where a draw says so, with probability `share`.
Tensor drawn_mask(const Shape& shape, double share, Random random) {
    const Tensor mask = Tensor::empty(shape, DType::uint8);
    for (int64_t i = 0; i < mask.numel(); ++i)
        mask.data<uint8_t>()[i] = random.uniform(static_cast<uint64_t>(i)) < share;
    return mask;
}

}  // namespace

TEST_CASE("mask_tokens puts the token where the mask is 1, and sends the gradient to what was taken") {
    const Tensor x = Tensor::from({1, 1, 3, 2}, std::vector<double>{1, 2, 3, 4, 5, 6});
    const Tensor token = Tensor::from({2}, std::vector<double>{-1, -2});
    const Tensor mask = Tensor::from({1, 1, 3}, std::vector<uint8_t>{1, 0, 1});
    REQUIRE(mask_tokens(x, token, mask).values() == std::vector<double>{-1, -2, 3, 4, -1, -2});
    const Tensor dy = Tensor::from({1, 1, 3, 2}, std::vector<double>{10, 20, 30, 40, 50, 60});
    const auto gradients = gradients_of(masking(mask), {x, token}, dy);
    REQUIRE(gradients[0].values() == std::vector<double>{0, 0, 30, 40, 0, 0});
    REQUIRE(gradients[1].values() == std::vector<double>{60, 80});
}

TEST_CASE("mask_tokens is x (1 - mask) + token mask, as SimMIM writes it") {
    for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 5, 7}, Shape{3, 16, 17, 2}})
        for (const double share : {0.0, 0.6, 1.0}) DYNAMIC_SECTION(shape.text() << ", share " << share) {
                const Tensor mask = drawn_mask({shape[0], shape[1], shape[2]}, share, Random{10, 1});
                const Function composed = [&](const std::vector<Tensor>& in) {
                    const Tensor wide =
                        broadcast_to(reshape(mask.to(DType::float64), {shape[0], shape[1], shape[2], 1}), shape);
                    const Tensor ones =
                        Tensor::from(shape, std::vector<double>(static_cast<size_t>(shape.numel()), 1.0));
                    return add(multiply(in[0], subtract(ones, wide)), multiply(broadcast_to(in[1], shape), wide));
                };
                const std::vector<Tensor> inputs{random_tensor(shape, Random{10, 2}),
                                                 random_tensor({shape[3]}, Random{10, 3})};
                REQUIRE(largest_disagreement(masking(mask), composed, inputs) < 1e-12);
            }
}

TEST_CASE("mask_tokens takes a mask of the map's own type for what uint8 says, on a device too") {
    const Tensor mask = drawn_mask({2, 3, 4}, 0.5, Random{10, 20}), dy = random_tensor({2, 3, 4, 5}, Random{10, 21});
    const std::vector<Tensor> inputs{random_tensor({2, 3, 4, 5}, Random{10, 22}), random_tensor({5}, Random{10, 23})};
    const Function own_type = [&](const std::vector<Tensor>& in) {
        return mask_tokens(in[0], in[1], mask.to(DType::float64).on(in[0].device()));
    };
    for (const Device device : {Device::cpu, Device::cuda}) {
        const auto there = on(device, inputs);
        REQUIRE(same_bits(own_type(there), masking(mask)(there)));
        const auto one = gradients_of(own_type, there, dy.on(device)),
                   other = gradients_of(masking(mask), there, dy.on(device));
        for (size_t i = 0; i < 2; ++i) REQUIRE(same_bits(one[i], other[i]));
    }
}

TEST_CASE("mask_tokens makes only the gradients asked for") {
    const Tensor mask = drawn_mask({2, 3, 4}, 0.5, Random{10, 4});
    const std::vector<Tensor> inputs{random_tensor({2, 3, 4, 5}, Random{10, 5}), random_tensor({5}, Random{10, 6})};
    const Tensor dy = random_tensor({2, 3, 4, 5}, Random{10, 7});
    const auto both = gradients_of(masking(mask), inputs, dy);
    const auto require_only = [&](size_t asked) {
        auto leaves = inputs;
        require_gradient(leaves[asked]);
        Tape tape;
        tape.after_backward = [&](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
            REQUIRE_FALSE(gradients[1 - asked].defined());
        };
        tape.backward(masking(mask)(leaves), dy);
        REQUIRE(same_bits(gradient(leaves[asked]), both[asked]));
    };
    for (const size_t asked : {0, 1}) {
        require_only(asked);
        const PlainLoops plain;
        require_only(asked);
    }
}

TEST_CASE("mask_tokens in float agrees with double, with the same bits on any number of threads") {
    const std::vector<Tensor> inputs{random_tensor({4, 32, 33, 5}, Random{10, 8}), random_tensor({5}, Random{10, 9})};
    const Function f = masking(drawn_mask({4, 32, 33}, 0.6, Random{10, 10}));
    REQUIRE(largest_float_error(f, inputs) < 1e-4);
    const std::vector<Tensor> narrow{inputs[0].to(DType::float32), inputs[1].to(DType::float32)};
    REQUIRE(same_on_any_threads(f, narrow, narrow[0]));
}

TEST_CASE("mask_tokens says what does not fit") {
    const Tensor x = Tensor::zeros({1, 2, 3, 4}), token = Tensor::zeros({4}),
                 mask = Tensor::zeros({1, 2, 3}, DType::uint8);
    REQUIRE(error_of([&] { mask_tokens(token, token, mask); }) == "[mask_tokens] x must be [B, H, W, C], got [4]");
    REQUIRE(error_of([&] { mask_tokens(x, Tensor::zeros({3}), mask); }) == "[mask_tokens] token must be [4], got [3]");
    REQUIRE(error_of([&] {
                mask_tokens(x, token, Tensor::zeros({2, 3}, DType::uint8));
            }) == "[mask_tokens] mask must be uint8 or float32 [1, 2, 3], got uint8 [2, 3]");
    REQUIRE(error_of([&] {
                mask_tokens(x, token, Tensor::zeros({1, 2, 3}, DType::float64));
            }) == "[mask_tokens] mask must be uint8 or float32 [1, 2, 3], got float64 [1, 2, 3]");
    mask.data<uint8_t>()[4] = 2;
    REQUIRE(error_of([&] { mask_tokens(x, token, mask); }) == "[mask_tokens] mask must be of 0 and 1, got 2");
}

TEST_CASE("mask_tokens' fast path and kernels agree with its plain loops, on awkward sizes too") {
    for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 5, 33}, Shape{1, 1, 257, 257}, Shape{3, 11, 17, 1}}) {
        INFO(shape.text());
        const std::vector<Tensor> inputs{random_tensor(shape, Random{10, 11}),
                                         random_tensor({shape[3]}, Random{10, 12})};
        const Function f = masking(drawn_mask({shape[0], shape[1], shape[2]}, 0.6, Random{10, 13}));
        REQUIRE(largest_fast_error(f, inputs, DType::float64) < 1e-13);
        REQUIRE(largest_fast_error(f, inputs, DType::float32) < 1e-5);
        REQUIRE(largest_kernel_error(f, inputs, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(f, inputs, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(f, inputs, {0}) < 0.004);
    }
    const std::vector<Tensor> inputs{random_tensor({2, 9, 17, 33}, Random{10, 14}),
                                     random_tensor({33}, Random{10, 15})};
    const Function f = masking(drawn_mask({2, 9, 17}, 0.5, Random{10, 16}));
    REQUIRE(same_in_any_order(f, inputs, random_tensor({2, 9, 17, 33}, Random{10, 17})));
}

TEST_CASE("mask_tokens' kernels make only the gradients asked for, and a token's gradient of nothing masked is 0") {
    const Tensor mask = Tensor::zeros({2, 3, 4}, DType::uint8);
    const Tensor dy = random_tensor({2, 3, 4, 5}, Random{10, 18}).on(Device::cuda);
    for (const size_t asked : {0, 1}) {
        auto leaves = on(Device::cuda, {random_tensor({2, 3, 4, 5}, Random{10, 5}), random_tensor({5}, Random{10, 6})});
        require_gradient(leaves[asked]);
        Tape tape;
        tape.after_backward = [&](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
            REQUIRE_FALSE(gradients[1 - asked].defined());
        };
        tape.backward(masking(mask)(leaves), dy);
        REQUIRE(same_bits(gradient(leaves[asked]), asked == 0 ? dy : Tensor::zeros({5}, DType::float64)));
    }
}

TEST_CASE("mask_tokens refuses a mask that is on another device than x") {
    const Tensor x = Tensor::zeros({1, 2, 3, 4}, DType::float32, Device::cuda),
                 mask = Tensor::zeros({1, 2, 3}, DType::uint8);
    REQUIRE(error_of([&] { mask_tokens(x, Tensor::zeros({4}).on(Device::cuda), mask); }) ==
            "[mask_tokens] x is float32 [1, 2, 3, 4] on cuda, but mask is uint8 [1, 2, 3] on cpu: all must be on one "
            "device");
}
