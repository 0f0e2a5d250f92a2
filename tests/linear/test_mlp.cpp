#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

std::vector<Tensor> inputs(int64_t rows, int64_t C, int64_t U, int64_t O) {
    return {random_tensor({rows, C}, Random{5, 1}), random_tensor({U, C}, Random{5, 2}, 0.3),
            random_tensor({U}, Random{5, 3}), random_tensor({O, U}, Random{5, 4}, 0.3),
            random_tensor({O}, Random{5, 5})};
}

const Function fused = [](const std::vector<Tensor>& in) { return mlp(in[0], in[1], in[2], in[3], in[4]); };
const Function composed = [](const std::vector<Tensor>& in) {
    return linear(gelu(linear(in[0], in[1], in[2])), in[3], in[4]);
};

std::vector<Tensor> narrowed(const std::vector<Tensor>& tensors) {
    std::vector<Tensor> result;
    for (const Tensor& tensor : tensors) result.push_back(tensor.to(DType::float32));
    return result;
}

}  // namespace

TEST_CASE("mlp of (1, 2) with hidden numbers (0, 1) comes out as on paper") {
    const double Phi = 0.8413447460685429, phi = 0.24197072451914337;  // of 1: gelu(1) = Phi, gelu'(1) = Phi + phi
    const std::vector<Tensor> in{
        Tensor::from({2}, std::vector<double>{1, 2}), Tensor::from({2, 2}, std::vector<double>{2, -1, 1, 0}),
        Tensor::from({2}, std::vector<double>{0, 0}), Tensor::from({1, 2}, std::vector<double>{3, 2}),
        Tensor::from({1}, std::vector<double>{1})};
    REQUIRE(fused(in).values()[0] == Approx(3 * 0 + 2 * Phi + 1));
    const double da[2] = {3 * 0.5, 2 * (Phi + phi)};  // gelu'(0) = 1/2
    const std::vector<double> expected[5] = {
        {2 * da[0] + da[1], -da[0]}, {da[0], 2 * da[0], da[1], 2 * da[1]}, {da[0], da[1]}, {0, Phi}, {1}};
    const auto gradients = gradients_of(fused, in, Tensor::from({1}, std::vector<double>{1}));
    for (size_t i = 0; i < 5; ++i)
        for (size_t j = 0; j < expected[i].size(); ++j) REQUIRE(gradients[i].values()[j] == Approx(expected[i][j]));
}

TEST_CASE("mlp is linear, gelu, linear in one piece") {
    REQUIRE(largest_disagreement(fused, composed, inputs(1, 3, 5, 2)) < 1e-12);
    REQUIRE(largest_disagreement(fused, composed, inputs(33, 7, 28, 7)) < 1e-11);
    REQUIRE(largest_disagreement(fused, composed, inputs(1300, 5, 20, 5)) < 1e-10);  // several pieces, several groups
    REQUIRE(largest_disagreement(fused, composed, narrowed(inputs(257, 8, 32, 8))) < 2e-4);
}

TEST_CASE("mlp without a tape gives the same values as with one") {
    const auto in = inputs(300, 6, 24, 6);
    const Tensor without = fused(in);
    Tensor x = in[0];
    require_gradient(x);
    Tape tape;
    REQUIRE(largest_difference(fused({x, in[1], in[2], in[3], in[4]}), without) == 0);
    const PlainLoops plain;
    REQUIRE(same_bits(fused({x, in[1], in[2], in[3], in[4]}), fused(in)));
}

TEST_CASE("mlp gives a row the same bits alone, among few and among many") {
    for (const DType dtype : {DType::float64, DType::float32, DType::bfloat16}) {
        std::vector<Tensor> in = inputs(600, 35, 701, 37);
        for (size_t i = 0; i < in.size(); ++i) in[i] = in[i].to(i == 2 || i == 4 ? acc_dtype(dtype) : dtype);
        const Tensor many = fused(in);
        INFO(name_of(dtype));
        for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {1, 300}, {88, 600}, {87, 600}})
            REQUIRE(same_bits(fused({in[0].slice(begin, end), in[1], in[2], in[3], in[4]}), many.slice(begin, end)));
    }
}

TEST_CASE("mlp's gradients have the same bits on any number of threads") {
    const auto in = narrowed(inputs(2100, 12, 48, 12));
    const Tensor cotangent = random_tensor({2100, 12}, Random{5, 6}).to(DType::float32);
    REQUIRE(same_on_any_threads(fused, in, cotangent));
    const PlainLoops plain;
    REQUIRE(same_on_any_threads(fused, in, cotangent));
}

TEST_CASE("mlp says which shape is wrong") {
    const auto in = inputs(2, 3, 12, 3);
    REQUIRE(error_of([&] { mlp(in[0], in[3], in[2], in[3], in[4]); }) == "[mlp] weight1 must be [U, 3], got [3, 12]");
    REQUIRE(error_of([&] { mlp(in[0], in[1], in[4], in[3], in[4]); }) == "[mlp] bias1 must be [12], got [3]");
    REQUIRE(error_of([&] {
                mlp(Tensor::zeros({2, 0}), Tensor::zeros({4, 0}), Tensor::zeros({4}), Tensor::zeros({3, 4}),
                    Tensor::zeros({3}));
            }) == "[mlp] weight1 must have elements, got [4, 0]");
    REQUIRE(error_of([&] {
                mlp(Tensor::zeros({2, 3}), Tensor::zeros({4, 3}), Tensor::zeros({4}), Tensor::zeros({0, 4}),
                    Tensor::zeros({0}));
            }) == "[mlp] weight2 must have elements, got [0, 4]");
}

TEST_CASE("mlp's fast path and kernels agree with its plain loops, on awkward sizes too") {
    const int64_t sizes[][4] = {{0, 3, 5, 2}, {1, 1, 1, 1}, {33, 7, 33, 5}, {257, 5, 20, 1}, {600, 3, 257, 3}};
    for (const auto& [rows, C, U, O] : sizes) {
        const auto in = inputs(rows, C, U, O);
        INFO(rows << " rows of " << C << ", " << U << " hidden units");
        REQUIRE(largest_fast_error(fused, in, DType::float64) < 1e-12);
        REQUIRE(largest_fast_error(fused, in, DType::float32) < 1e-5);
        REQUIRE(largest_kernel_error(fused, in, DType::float64) < 1e-12);
        REQUIRE(largest_kernel_error(fused, in, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(fused, in, {0, 1, 3}) <
                0.03);  // a, g, dg and da are rounded one after the other
    }
    REQUIRE(same_in_any_order(fused, inputs(300, 3, 40, 3), random_tensor({300, 3}, Random{5, 6})));
}

TEST_CASE("mlp's kernels give the same values without a tape as with one") {
    const auto in = on(Device::cuda, inputs(300, 6, 24, 6));
    const Tensor without = fused(in);
    Tensor x = in[0].detached();
    require_gradient(x);
    Tape tape;
    REQUIRE(same_bits(fused({x, in[1], in[2], in[3], in[4]}), without));
}

TEST_CASE("mlp refuses operands on two devices") {
    const auto in = inputs(2, 3, 12, 3);
    REQUIRE(error_of([&] { mlp(in[0], in[1], in[2], in[3], in[4].on(Device::cuda)); }) ==
            "[mlp] x is float64 [2, 3] on cpu, but bias2 is float64 [3] on cuda: all must be on one device");
}
