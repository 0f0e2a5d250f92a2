#include "core/allocator.h"
#include "core/threads.h"
#include "ops/ops.h"
#include "tests/conv/pattern.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <optional>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Function conv(const Conv2dOptions& options = {}) {
    return
        [=](const std::vector<Tensor>& in) { return conv2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), options); };
}

// Sizes, and what slides.
struct Case {
    Shape x, weight;
    Conv2dOptions options;

    std::vector<Tensor> inputs(bool biased = true) const {
        std::vector<Tensor> in{random_tensor(x, Random{4, 0}), random_tensor(weight, Random{4, 1})};
        if (biased) in.push_back(random_tensor({weight[0]}, Random{4, 2}));
        return in;
    }
    Tensor cotangent(DType dtype = DType::float64) const {
        return random_tensor(conv(options)(inputs()).shape(), Random{4, 3}).to(dtype);
    }
};

// One number of all; a kernel larger than the map; channels that fill no vector, one and a bit, several panels; strides
// that leave a rest, that exceed the kernel, that differ; padding larger than the kernel; groups, down to one channel.
const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
        {{2, 3, 2, 3}, {5, 3, 3, 2}, {}},
        {{2, 2, 3, 2}, {3, 2, 4, 5}, {.stride = {1, 2}, .padding = {1, 1}}},
        {{3, 9, 7, 17}, {33, 17, 3, 3}, {.stride = {1, 1}, .padding = {1, 1}}},
        {{1, 7, 10, 5}, {49, 5, 3, 3}, {.stride = {2, 2}, .padding = {1, 1}}},
        {{2, 6, 9, 65}, {7, 65, 2, 1}, {.stride = {3, 2}, .padding = {0, 3}}},
        {{2, 5, 6, 4}, {100, 4, 1, 1}, {.stride = {2, 3}, .padding = {0, 0}}},
        {{2, 3, 1, 2}, {3, 2, 2, 1}, {.stride = {1, 2}, .padding = {0, 1}}},
        {{2, 6, 5, 6}, {9, 2, 3, 2}, {.stride = {2, 1}, .padding = {1, 1}, .groups = 3}},
        {{1, 8, 9, 5}, {10, 1, 5, 3}, {.stride = {1, 2}, .padding = {2, 1}, .groups = 5}},
        {{1, 13, 11, 34}, {68, 17, 3, 3}, {.stride = {1, 1}, .padding = {2, 0}, .groups = 2}},
    };
    return all;
}

}  // namespace

TEST_CASE("conv2d slides its kernel over the map and its gradients are what one works out by hand") {
    // 1 x 4 pixels 1, 2, 3, 4 padded by one; kernel (10, 1, 100), so that y_w = 10 x_w-1 + x_w + 100 x_w+1.
    const std::vector<Tensor> inputs{Tensor::from({1, 1, 4, 1}, std::vector<double>{1, 2, 3, 4}),
                                     Tensor::from({1, 1, 1, 3}, std::vector<double>{10, 1, 100}),
                                     Tensor::from({1}, std::vector<double>{1000})};
    std::optional<PlainLoops> plain;
    if (GENERATE(false, true)) plain.emplace();
    const Function f = conv({.stride = {1, 1}, .padding = {0, 1}});
    REQUIRE(f(inputs).values() == std::vector<double>{1201, 1312, 1423, 1034});
    const auto d = gradients_of(f, inputs, Tensor::from({1, 1, 4, 1}, std::vector<double>{1, 2, 3, 5}));
    REQUIRE(d[0].values() == std::vector<double>{1 * 1 + 10 * 2, 100 * 1 + 1 * 2 + 10 * 3, 100 * 2 + 3 + 10 * 5, 305});
    REQUIRE(d[1].values() == std::vector<double>{1 * 2 + 2 * 3 + 3 * 5, 1 + 4 + 9 + 20, 2 * 1 + 3 * 2 + 4 * 3});
    REQUIRE(d[2].values() == std::vector<double>{11});
    const Function strided = conv({.stride = {1, 2}, .padding = {0, 1}});
    REQUIRE(strided(inputs).values() == std::vector<double>{1201, 1423});
}

TEST_CASE("conv2d agrees with PyTorch") {
    // x = pattern [2, 5, 4, 4], channel-last, w = pattern [6, 2, 3, 2], in float64:
    // torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), w, b, stride=(2, 1), padding=(1, 1), groups=2)
    const std::vector<Tensor> inputs{pattern({2, 5, 4, 4}, 7, 3, 11), pattern({6, 2, 3, 2}, 5, 1, 7),
                                     pattern({6}, 3, 2, 5)};
    const Function f = conv({.stride = {2, 1}, .padding = {1, 1}, .groups = 2});
    std::optional<PlainLoops> plain;
    if (GENERATE(false, true)) plain.emplace();
    const Tensor y = f(inputs);
    REQUIRE(y.shape() == Shape{2, 3, 5, 6});
    REQUIRE(beginning(y, 8) == std::vector<double>{19, -22, 19, -3, -14, -2, -3, 9});
    REQUIRE(checksum(y) == 1531);
    const auto d = gradients_of(f, inputs, pattern(y.shape(), 3, 1, 23));
    REQUIRE(beginning(d[0], 8) == std::vector<double>{-43, 47, -8, 7, 34, -50, 2, -8});
    REQUIRE(checksum(d[0]) == -457);
    REQUIRE(beginning(d[1], 8) == std::vector<double>{-5, 33, -83, 50, -91, 62, -6, -137});
    REQUIRE(checksum(d[1]) == -3506);
    REQUIRE(d[2].values() == std::vector<double>{9, 7, -18, -20, 1, -1});
}

TEST_CASE("conv2d of a kernel as large as its stride is patch_embedding") {
    const Case one{{2, 6, 8, 3}, {5, 3, 3, 4}, {.stride = {3, 4}}};
    const Function embedding = [](const std::vector<Tensor>& in) { return patch_embedding(in[0], in[1], in[2]); };
    REQUIRE(largest_disagreement(conv(one.options), embedding, one.inputs()) < 1e-13);
}

TEST_CASE("conv2d's fast path agrees with its plain loops, on awkward sizes too") {
    for (const Case& one : cases())
        for (const bool biased : {true, false}) {
            const auto inputs = one.inputs(biased);
            INFO(inputs[0].describe() << ", weight " << inputs[1].describe());
            REQUIRE(largest_fast_error(conv(one.options), inputs, DType::float64) < 1e-12);
            REQUIRE(largest_fast_error(conv(one.options), inputs, DType::float32) < 1e-5);
            REQUIRE(largest_bfloat16_error(conv(one.options), inputs, {0, 1}) < 0.02);
        }
}

TEST_CASE("conv2d in float agrees with double where sums are long") {
    const Case one{{8, 24, 20, 16}, {20, 16, 3, 3}, {.stride = {1, 1}, .padding = {1, 1}}};
    REQUIRE(largest_float_error(conv(one.options), one.inputs()) < 1e-3);  // of sums of 3840 terms
}

TEST_CASE("conv2d gives the same bits on any number of threads, whether bands are shared out or channels") {
    const std::vector<Case> all{{{6, 31, 29, 5}, {18, 5, 3, 3}, {.stride = {1, 2}, .padding = {1, 1}}},
                                {{2, 5, 5, 70}, {150, 70, 3, 3}, {.stride = {1, 1}, .padding = {1, 1}}}};
    for (const Case& one : all) {
        std::vector<Tensor> narrow;
        for (const Tensor& input : one.inputs()) narrow.push_back(input.to(DType::float32));
        REQUIRE(same_on_any_threads(conv(one.options), narrow, one.cotangent(DType::float32)));
    }
}

TEST_CASE("conv2d computes only the gradients that are asked for") {
    const Case& one = cases()[3];
    const auto device = GENERATE(Device::cpu, Device::cuda);
    const auto all = gradients_of(conv(one.options), on(device, one.inputs()), one.cotangent());
    for (size_t wanted = 0; wanted < 3; ++wanted) {
        auto inputs = on(device, one.inputs());
        require_gradient(inputs[wanted]);
        Tape tape;
        tape.after_backward = [&](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
            for (size_t i = 0; i < 3; ++i) REQUIRE(gradients[i].defined() == (i == wanted));
        };
        tape.backward(conv(one.options)(inputs), one.cotangent().on(device));
        REQUIRE(same_bits(gradient(inputs[wanted]), all[wanted]));
    }
}

TEST_CASE("conv2d needs little memory beside its operands, where im2col would take nine times x") {
    const Tensor x = Tensor::zeros({64, 32, 32, 8}), weight = Tensor::zeros({8, 8, 3, 3});
    const auto before = memory_statistics(Device::cpu).live;
    reset_peak(Device::cpu);
    const Tensor y = conv2d(x, weight, {}, {.stride = {1, 1}, .padding = {1, 1}});
    REQUIRE(memory_statistics(Device::cpu).peak - before < y.bytes() + (size_t{1} << 20));
}

TEST_CASE("conv2d of no images is empty, and its weight's gradient 0") {
    const Case none{{0, 4, 4, 2}, {3, 2, 3, 3}, {}};
    const auto device = GENERATE(Device::cpu, Device::cuda);
    const auto inputs = on(device, none.inputs());
    REQUIRE(conv()(inputs).shape() == Shape{0, 2, 2, 3});
    const auto d = gradients_of(conv(), inputs, Tensor::zeros({0, 2, 2, 3}, DType::float64));
    REQUIRE(d[0].shape() == Shape{0, 4, 4, 2});
    REQUIRE(d[1].values() == std::vector<double>(54, 0.0));
    REQUIRE(d[2].values() == std::vector<double>(3, 0.0));
}

TEST_CASE("conv2d's kernels agree with its loops, on awkward sizes too") {
    for (const Case& one : cases()) {
        const auto inputs = one.inputs();
        INFO(inputs[0].describe() << ", weight " << inputs[1].describe());
        REQUIRE(largest_kernel_error(conv(one.options), inputs, DType::float64) < 1e-12);
        REQUIRE(largest_kernel_error(conv(one.options), inputs, DType::float32) < 2e-5);
    }
    const Case one{{2, 18, 17, 3}, {4, 3, 3, 3}, {.stride = {1, 1}, .padding = {1, 1}}};
    REQUIRE(same_in_any_order(conv(one.options), one.inputs(), one.cotangent()));
}

TEST_CASE("conv2d says what does not fit") {
    const Tensor x = Tensor::zeros({2, 5, 6, 4}), weight = Tensor::zeros({8, 4, 3, 3}), eight = Tensor::zeros({8});
    const auto error = [&](const Conv2dOptions& options) {
        return error_of([&] { conv2d(x, weight, eight, options); });
    };
    REQUIRE(error_of([&] { conv2d(eight, weight); }) == "[conv2d] x must be [B, H, W, I], got [8]");
    REQUIRE(error_of([&] {
                conv2d(x, Tensor::zeros({8, 3, 3, 3}));
            }) == "[conv2d] weight must be [O, 4, kh, kw], got [8, 3, 3, 3]");
    REQUIRE(error_of([&] { conv2d(x, eight); }) == "[conv2d] weight must be [O, 4, kh, kw], got [8]");
    REQUIRE(error_of([&] { conv2d(x, weight, Tensor::zeros({4})); }) == "[conv2d] bias must be [8], got [4]");
    REQUIRE(error({.groups = 3}) == "[conv2d] 3 groups do not divide the 4 channels of x");
    REQUIRE(error({.groups = 0}) == "[conv2d] 0 groups do not divide the 4 channels of x");
    REQUIRE(error_of([&] {
                conv2d(x, Tensor::zeros({7, 2, 3, 3}), {}, {.groups = 2});
            }) == "[conv2d] 2 groups do not divide the 7 channels out of weight");
    REQUIRE(error({.stride = {0, 1}}) == "[conv2d] stride must be at least 1 x 1, got 0 x 1");
    REQUIRE(error({.padding = {0, -2}}) == "[conv2d] padding must not be negative, got 0 x -2");
    REQUIRE(error_of([&] {
                conv2d(x, Tensor::zeros({8, 4, 6, 3}));
            }) == "[conv2d] a kernel of 6 x 3 does not fit on x [2, 5, 6, 4] with padding 0 x 0");
    REQUIRE(error_of([&] {
                conv2d(Tensor::zeros({2, 0, 6, 4}), weight);
            }) == "[conv2d] x must be [B, H, W, C] with rows and columns, got [2, 0, 6, 4]");
    REQUIRE(error_of([&] { conv2d(x, weight.on(Device::cuda)); }) ==
            "[conv2d] x is float32 [2, 5, 6, 4] on cpu, but weight is float32 [8, 4, 3, 3] on cuda: all must be on one "
            "device");
}
