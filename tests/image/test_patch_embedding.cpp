#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Function embed = [](const std::vector<Tensor>& in) { return patch_embedding(in[0], in[1], in[2]); };

std::vector<Tensor> some_inputs(int64_t B, int64_t H, int64_t W, int64_t I, int64_t C, int64_t p, int64_t q) {
    const Random random{4, static_cast<uint64_t>(B * 1000 + H)};
    return {random_tensor({B, H, W, I}, random.split(0)), random_tensor({C, I, p, q}, random.split(1)),
            random_tensor({C}, random.split(2))};
}

std::vector<Tensor> narrowed(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> narrow;
    for (const Tensor& input : inputs) narrow.push_back(input.to(DType::float32));
    return narrow;
}

}  // namespace

TEST_CASE("patch_embedding of one 2 x 2 patch weighs row by row within a channel") {
    // Channels interleaved in the image: (1, 10), (2, 20) over (3, 30), (4, 40).
    const Tensor image = Tensor::from({1, 2, 2, 2}, std::vector<double>{1, 10, 2, 20, 3, 30, 4, 40});
    const Tensor weight = Tensor::from({1, 2, 2, 2}, std::vector<double>{1, 0.1, 0.01, 0.001, 2, 0, 0, 0});
    const Tensor bias = Tensor::from({1}, std::vector<double>{100});
    REQUIRE(patch_embedding(image, weight, bias).shape() == Shape{1, 1, 1, 1});
    REQUIRE(patch_embedding(image, weight, bias).item() == Approx(100 + 1.234 + 20));
    const PlainLoops plain;
    REQUIRE(patch_embedding(image, weight, bias).item() == Approx(100 + 1.234 + 20));
}

TEST_CASE("patch_embedding sees zeros beyond the image, and its gradients are what one works out by hand") {
    // Patches of two columns from an image of three: (1, 2) and (3, 0).
    const std::vector<Tensor> inputs{Tensor::from({1, 1, 3, 1}, std::vector<double>{1, 2, 3}),
                                     Tensor::from({1, 1, 1, 2}, std::vector<double>{10, 1}),
                                     Tensor::from({1}, std::vector<double>{100})};
    const auto require_by_hand = [&] {
        REQUIRE(embed(inputs).shape() == Shape{1, 1, 2, 1});
        REQUIRE(embed(inputs).values() == std::vector<double>{112, 130});
        const auto gradients = gradients_of(embed, inputs, Tensor::from({1, 1, 2, 1}, std::vector<double>{1, 2}));
        REQUIRE(gradients[0].values() == std::vector<double>{10, 1, 20});
        REQUIRE(gradients[1].values() == std::vector<double>{1 * 1 + 2 * 3, 1 * 2 + 2 * 0});
        REQUIRE(gradients[2].values() == std::vector<double>{3});
    };
    require_by_hand();
    const PlainLoops plain;
    require_by_hand();
}

TEST_CASE("patch_embedding's fast path agrees with its plain loops, where images are whole patches and where not") {
    // Whole patches: 1 patch; one whole image; 33 patches, not square; more patches than one piece (2 * 16 * 20) and
    // one group. Then a row and a column over; both missing more than half; a patch larger than the image; more than
    // one group.
    const std::vector<std::vector<Tensor>> all{
        some_inputs(1, 2, 3, 1, 1, 2, 3),   some_inputs(1, 4, 4, 3, 5, 4, 4),   some_inputs(1, 6, 33, 3, 4, 2, 3),
        some_inputs(2, 32, 60, 2, 3, 2, 3), some_inputs(3, 40, 40, 3, 7, 2, 2), some_inputs(2, 5, 3, 3, 4, 1, 1),
        some_inputs(2, 14, 7, 3, 6, 7, 7),  some_inputs(2, 5, 7, 3, 4, 4, 3),   some_inputs(1, 9, 10, 2, 3, 8, 7),
        some_inputs(3, 2, 3, 1, 5, 4, 4),   some_inputs(2, 63, 62, 3, 2, 2, 3)};
    for (const auto& inputs : all) {
        INFO(inputs[0].describe() << ", weight " << inputs[1].describe());
        const Shape &images = inputs[0].shape(), &weight = inputs[1].shape();
        const int64_t p = weight[2], q = weight[3];
        REQUIRE(embed(inputs).shape() == Shape{images[0], (images[1] + p - 1) / p, (images[2] + q - 1) / q, weight[0]});
        REQUIRE(largest_fast_error(embed, inputs, DType::float64) < 1e-12);
        REQUIRE(largest_fast_error(embed, inputs, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(embed, inputs, {0, 1}) < 0.02);
    }
    const Tensor cotangent = random_tensor({2, 32, 21, 2}, Random{4, 6}).to(DType::float32);
    REQUIRE(same_on_any_threads(embed, narrowed(all.back()), cotangent));
}

TEST_CASE("patch_embedding in float agrees with double") {
    const auto inputs = some_inputs(2, 64, 64, 3, 16, 4, 4);
    const Tensor cotangent = random_tensor({2, 16, 16, 16}, Random{4, 2});
    REQUIRE(largest_difference(embed(inputs), embed(narrowed(inputs))) < 5e-5);
    const auto wide = gradients_of(embed, inputs, cotangent);
    const auto narrow = gradients_of(embed, narrowed(inputs), cotangent.to(DType::float32));
    for (size_t i = 0; i < 3; ++i) REQUIRE(largest_difference(wide[i], narrow[i]) < 5e-4);
}

TEST_CASE("patch_embedding gives the same bits on any number of threads") {
    const auto inputs = narrowed(some_inputs(2, 64, 68, 3, 5, 2, 2));
    const Tensor cotangent = random_tensor({2, 32, 34, 5}, Random{4, 3}).to(DType::float32);
    const int before = thread_count();
    set_thread_count(1);
    const Tensor y = embed(inputs);
    const auto alone = gradients_of(embed, inputs, cotangent);
    for (const int threads : {2, 3}) {
        set_thread_count(threads);
        REQUIRE(embed(inputs).values() == y.values());
        const auto together = gradients_of(embed, inputs, cotangent);
        for (size_t i = 0; i < 3; ++i) REQUIRE(together[i].values() == alone[i].values());
    }
    set_thread_count(before);
}

TEST_CASE("patch_embedding makes no gradient of the images unless asked") {
    auto leaves = some_inputs(1, 6, 33, 3, 4, 2, 3);
    const Tensor cotangent = random_tensor({1, 3, 11, 4}, Random{4, 4});
    const auto all = gradients_of(embed, leaves, cotangent);
    require_gradient(leaves[1]);
    Tape tape;
    tape.after_backward = [](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
        REQUIRE_FALSE(gradients[0].defined());
    };
    tape.backward(embed(leaves), cotangent);
    REQUIRE(gradient(leaves[1]).values() == all[1].values());
}

TEST_CASE("patch_embedding says which size is wrong") {
    const Tensor images = Tensor::zeros({2, 30, 32, 3}), weight = Tensor::zeros({8, 3, 4, 4}),
                 bias = Tensor::zeros({8});
    REQUIRE(error_of([&] { patch_embedding(images, weight, Tensor::zeros({3})); }) ==
            "[patch_embedding] bias must be [8], got [3]");
    REQUIRE(error_of([&] {
                patch_embedding(images, Tensor::zeros({8, 4, 4, 3}), bias);
            }) == "[patch_embedding] weight must be [C, 3, p, q], got [8, 4, 4, 3]");
    REQUIRE(error_of([&] { patch_embedding(bias, weight, bias); }) ==
            "[patch_embedding] images must be [B, H, W, I], got [8]");
}

TEST_CASE("patch_embedding's kernels agree with its loops, where images are whole patches and where not") {
    const std::vector<std::vector<Tensor>> all{some_inputs(1, 2, 3, 1, 1, 2, 3),  some_inputs(1, 6, 33, 3, 4, 2, 3),
                                               some_inputs(3, 5, 3, 3, 33, 1, 1), some_inputs(2, 14, 7, 3, 6, 7, 7),
                                               some_inputs(2, 5, 7, 3, 4, 4, 3),  some_inputs(1, 9, 10, 2, 3, 8, 7),
                                               some_inputs(3, 2, 3, 1, 5, 4, 4),  some_inputs(2, 63, 62, 3, 257, 4, 4)};
    for (const auto& in : all) {
        INFO(in[0].describe() << ", weight " << in[1].describe());
        REQUIRE(largest_kernel_error(embed, in, DType::float64) < 1e-12);
        REQUIRE(largest_kernel_error(embed, in, DType::float32) < 2e-5);
        REQUIRE(largest_bfloat16_error(embed, in, {0, 1}) < 0.02);
    }
    REQUIRE(same_in_any_order(embed, all[4], random_tensor({2, 2, 3, 4}, Random{4, 8})));
}

TEST_CASE("patch_embedding's kernels make no gradient of the images unless asked") {
    const auto in = some_inputs(1, 6, 33, 3, 4, 2, 3);
    const Tensor cotangent = random_tensor({1, 3, 11, 4}, Random{4, 4});
    auto leaves = on(Device::cuda, in);
    const auto all = gradients_of(embed, leaves, cotangent);
    require_gradient(leaves[1]);
    Tape tape;
    tape.after_backward = [](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
        REQUIRE_FALSE(gradients[0].defined());
    };
    tape.backward(embed(leaves), cotangent.on(Device::cuda));
    REQUIRE(same_bits(gradient(leaves[1]), all[1]));
}

TEST_CASE("patch_embedding refuses operands on two devices") {
    const Tensor images = Tensor::zeros({1, 4, 4, 3}), weight = Tensor::zeros({8, 3, 4, 4});
    REQUIRE(error_of([&] { patch_embedding(images, weight.on(Device::cuda), Tensor::zeros({8})); }) ==
            "[patch_embedding] images is float32 [1, 4, 4, 3] on cpu, but weight is float32 [8, 3, 4, 4] on cuda: all "
            "must be on one device");
}
