#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Values = std::vector<double>;

Tensor index_of(const Shape& shape, const std::vector<int64_t>& values) { return Tensor::from(shape, values); }

// Words below V, some of them many times: one in four is word 1.
Tensor any_words(const Shape& shape, int64_t V) {
    const Tensor index = Tensor::empty(shape, DType::int64);
    for (int64_t i = 0; i < index.numel(); ++i) index.data<int64_t>()[i] = i % 4 == 0 ? 1 % V : i * i * 7 % V;
    return index;
}

// Index as rows of 0 and one 1, times weight.
Tensor by_product(const Tensor& weight, const Tensor& index) {
    const int64_t V = weight.shape()[0];
    const Tensor ones = Tensor::zeros({index.numel(), V}, weight.dtype());
    for (int64_t t = 0; t < index.numel(); ++t) ones.data<double>()[t * V + index.data<int64_t>()[t]] = 1;
    return matmul(ones, weight);
}

struct Case {
    int64_t V, C;
    Shape index;
};
const std::vector<Case> cases{{5, 3, {2, 4}},   {33, 257, {70}}, {300, 65, {3, 5, 2}}, {2, 1, {1000}},
                              {1, 520, {2, 2}}, {7, 3, {0}},     {7, 0, {4}},          {4, 6, {}}};

}  // namespace

TEST_CASE("embedding looks up rows, as torch's does, and sums the gradients of a row") {
    // torch.nn.functional.embedding(index, weight), then the gradient for a cotangent of -3.5, -2.5, -1.5, ...
    const Tensor weight = Tensor::from({3, 3}, Values{1.5, -2, 0.25, 4, 5.5, -6, 7, 8, 9});
    const Tensor index = index_of({2, 2}, {2, 0, 2, 1});
    const Function f = [&](const auto& in) { return embedding(in[0], index); };
    REQUIRE(f({weight}).values() == Values{7, 8, 9, 1.5, -2, 0.25, 7, 8, 9, 4, 5.5, -6});
    REQUIRE(f({weight}).shape() == Shape{2, 2, 3});
    const Tensor c = Tensor::from({2, 2, 3}, Values{-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5});
    REQUIRE(gradients_of(f, {weight}, c)[0].values() == Values{-0.5, 0.5, 1.5, 5.5, 6.5, 7.5, -1, 1, 3});
}

TEST_CASE("embedding agrees with a product by rows of one 1, gradient too") {
    const Tensor weight = random_tensor({13, 6}, Random{9, 1}), index = any_words({50}, 13);
    REQUIRE(largest_disagreement([&](const auto& in) { return embedding(in[0], index); },
                                 [&](const auto& in) { return by_product(in[0], index); }, {weight}) < 1e-14);
}

TEST_CASE("embedding in float agrees with double, and its kernels with its loops, on awkward sizes") {
    for (const auto& [V, C, shape] : cases) {
        INFO("weight [" << V << ", " << C << "], index " << shape.text());
        const Tensor weight = random_tensor({V, C}, Random{9, 2}), index = any_words(shape, V);
        const Function f = [&](const auto& in) { return embedding(in[0], index.on(in[0].device())); };
        REQUIRE(largest_float_error(f, {weight}) < 1e-4);
        REQUIRE(largest_kernel_error(f, {weight}, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(f, {weight}, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(f, {weight}, {0}) < 0x1p-8);
    }
}

TEST_CASE("embedding's gradient has the same bits on any number of threads, and in any order of a block's threads") {
    const Tensor weight = random_tensor({40, 65}, Random{9, 3}).to(DType::float32), index = any_words({9, 30}, 40);
    const Tensor c = random_tensor({9, 30, 65}, Random{9, 4}).to(DType::float32);
    const Function f = [&](const auto& in) { return embedding(in[0], index.on(in[0].device())); };
    REQUIRE(same_on_any_threads(f, {weight}, c));
    REQUIRE(same_in_any_order(f, {weight}, c));
}

TEST_CASE("a bfloat16 embedding sums its gradient in float32") {
    // 300 times 1: a sum in bfloat16 would stay at 256.
    for (const Device device : {Device::cpu, Device::cuda}) {
        const Tensor weight = Tensor::zeros({2, 1}, DType::bfloat16, device);
        const Tensor index = Tensor::zeros({300}, DType::int64, device);
        const Tensor c = Tensor::from({300, 1}, std::vector<float>(300, 1.0f)).to(DType::bfloat16);
        const auto d = gradients_of([&](const auto& in) { return embedding(in[0], index); }, {weight}, c);
        REQUIRE(d[0].values() == Values{300, 0});
    }
}

TEST_CASE("embedding of a word that does not exist on a device gives a row of NaN, and its gradient goes nowhere") {
    const Tensor weight = counting({2, 2}).on(Device::cuda);
    const Tensor index = index_of({4}, {1, 2, -1, 1}).on(Device::cuda);
    const Function f = [&](const auto& in) { return embedding(in[0], index); };
    const auto y = f({weight}).values();
    for (const size_t i : {2, 3, 4, 5}) REQUIRE(std::isnan(y[i]));
    REQUIRE((y[0] == 2 && y[1] == 3 && y[6] == 2 && y[7] == 3));
    const auto d = gradients_of(f, {weight}, Tensor::from({4, 2}, Values{1, 2, 3, 4, 5, 6, 7, 8}));
    REQUIRE(d[0].values() == Values{0, 0, 8, 10});
}

TEST_CASE("embedding names a word that does not exist and where it is, and what else does not fit") {
    const Tensor weight = Tensor::zeros({3, 2});
    REQUIRE(error_of([&] {
                embedding(weight, index_of({2, 2}, {0, 2, 3, 1}));
            }) == "[embedding] index 3 at [1, 0] must be at least 0 and below 3");
    REQUIRE(error_of([&] {
                embedding(weight, index_of({2}, {0, -1}));
            }) == "[embedding] index -1 at [1] must be at least 0 and below 3");
    REQUIRE(error_of([&] { embedding(Tensor::zeros({3}), index_of({1}, {0})); }) ==
            "[embedding] weight must be [V, C], got [3]");
    REQUIRE(error_of([&] { embedding(weight, Tensor::zeros({2}, DType::int32)); }) ==
            "[embedding] index must be int64, got int32 [2] on cpu");
    REQUIRE(error_of([&] { embedding(weight, index_of({1}, {0}).on(Device::cuda)); }) ==
            "[embedding] weight is float32 [3, 2] on cpu, but index is int64 [1] on cuda: all must be on one device");
}
