#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Function product = [](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); };

struct Sizes {
    Shape a, b;
};
const std::vector<Sizes> awkward{
    {{1, 1}, {1, 1}},       {{1, 33}, {33, 1}},     {{33, 1}, {1, 257}},    {{257, 33}, {33, 7}},
    {{300, 20}, {20, 5}},   {{5, 3, 4}, {5, 4, 2}}, {{1, 3, 4}, {1, 4, 2}}, {{2, 3, 1, 33}, {2, 3, 33, 1}},
    {{0, 3}, {3, 2}},       {{3, 2}, {2, 0}},       {{3, 0}, {0, 2}},       {{4, 3, 0}, {4, 0, 2}},
    {{0, 3, 4}, {0, 4, 2}},
};

}  // namespace

TEST_CASE("matmul of two 2 x 2 matrices comes out as on paper") {
    const Tensor a = Tensor::from({2, 2}, std::vector<double>{1, 2, 3, 4}),
                 b = Tensor::from({2, 2}, std::vector<double>{5, 6, 7, 8});
    REQUIRE(matmul(a, b).values() == std::vector<double>{19, 22, 43, 50});
    const auto d = gradients_of(product, {a, b}, Tensor::from({2, 2}, std::vector<double>{1, 10, 100, 1000}));
    REQUIRE(d[0].values() == std::vector<double>{5 + 60, 7 + 80, 500 + 6000, 700 + 8000});
    REQUIRE(d[1].values() == std::vector<double>{1 + 300, 10 + 3000, 2 + 400, 20 + 4000});
}

TEST_CASE("the gradients of matmul are products with the transposes") {
    for (const Sizes& sizes : awkward) {
        INFO(sizes.a.text() << " " << sizes.b.text());
        const Tensor a = random_tensor(sizes.a, Random{6, 3}), b = random_tensor(sizes.b, Random{6, 4});
        const Tensor c = random_tensor(a.shape().with(-1, b.shape()[-1]), Random{6, 5});
        std::vector<int> swap_last;
        for (int axis = 0; axis < a.shape().rank(); ++axis) swap_last.push_back(axis);
        std::swap(swap_last[swap_last.size() - 1], swap_last[swap_last.size() - 2]);
        const auto d = gradients_of(product, {a, b}, c);
        const PlainLoops plain;
        REQUIRE(largest_difference(d[0], matmul(c, permute(b, swap_last))) < 1e-12);
        REQUIRE(largest_difference(d[1], matmul(permute(a, swap_last), c)) < 1e-12);
    }
}

TEST_CASE("a matrix squared receives the gradient of both factors") {
    const Tensor x = random_tensor({4, 4}, Random{6, 6}), c = random_tensor({4, 4}, Random{6, 7});
    const auto d = gradients_of([](const auto& in) { return matmul(in[0], in[0]); }, {x}, c);
    const Tensor t = permute(x, {1, 0});
    REQUIRE(largest_difference(d[0], add(matmul(c, t), matmul(t, c))) < 1e-13);
}

TEST_CASE("matmul with a constant factor gives the other its gradient") {
    const Tensor a = random_tensor({3, 2, 4}, Random{6, 8}), b = random_tensor({3, 4, 5}, Random{6, 9}),
                 c = random_tensor({3, 2, 5}, Random{6, 10});
    const auto both = gradients_of(product, {a, b}, c);
    const auto left = gradients_of([&](const auto& in) { return matmul(in[0], b); }, {a}, c);
    const auto right = gradients_of([&](const auto& in) { return matmul(a, in[0]); }, {b}, c);
    REQUIRE(largest_difference(both[0], left[0]) == 0);
    REQUIRE(largest_difference(both[1], right[0]) == 0);
    const PlainLoops plain;
    REQUIRE(largest_difference(gradients_of([&](const auto& in) { return matmul(in[0], b); }, {a}, c)[0], both[0]) <
            1e-13);
    REQUIRE(largest_difference(gradients_of([&](const auto& in) { return matmul(a, in[0]); }, {b}, c)[0], both[1]) <
            1e-13);
}

TEST_CASE("matmul in float agrees with double, and its bits do not depend on the number of threads") {
    const std::vector<Tensor> one{random_tensor({600, 33}, Random{6, 11}), random_tensor({33, 65}, Random{6, 12})};
    const std::vector<Tensor> many{random_tensor({9, 17, 33}, Random{6, 13}), random_tensor({9, 33, 5}, Random{6, 14})};
    for (const auto& inputs : {one, many}) {
        REQUIRE(largest_float_error(product, inputs) < 2e-4);
        const Tensor a = inputs[0].to(DType::float32), b = inputs[1].to(DType::float32);
        const int before = thread_count();
        set_thread_count(1);
        const Tensor alone = matmul(a, b);
        set_thread_count(2);
        const Tensor together = matmul(a, b);
        set_thread_count(before);
        REQUIRE(same_bits(alone, together));
        const PlainLoops plain;
        const Tensor cotangent = random_tensor(alone.shape(), Random{6, 17}).to(DType::float32);
        REQUIRE(same_on_any_threads(product, {a, b}, cotangent));
    }
}

TEST_CASE("matmul names both shapes that do not fit") {
    const auto message = [](const Shape& a, const Shape& b) {
        return error_of([&] { matmul(Tensor::zeros(a), Tensor::zeros(b)); });
    };
    const std::string rule = "[matmul] expects [..., M, K] and [..., K, N], got ";
    REQUIRE(message({2, 3}, {2, 3}) == rule + "[2, 3] and [2, 3]");
    REQUIRE(message({3}, {3, 2}) == rule + "[3] and [3, 2]");
    REQUIRE(message({4, 2, 3}, {5, 3, 2}) == rule + "[4, 2, 3] and [5, 3, 2]");
    REQUIRE(message({4, 2, 3}, {3, 2}) == rule + "[4, 2, 3] and [3, 2]");
}

TEST_CASE("matmul's fast path and kernels agree with its plain loops at any size, empty ones included") {
    for (const Sizes& sizes : awkward) {
        INFO(sizes.a.text() << " " << sizes.b.text());
        const std::vector<Tensor> inputs{random_tensor(sizes.a, Random{6, 15}), random_tensor(sizes.b, Random{6, 16})};
        REQUIRE(largest_fast_error(product, inputs, DType::float64) < 1e-12);
        REQUIRE(largest_fast_error(product, inputs, DType::float32) < 1e-5);
        REQUIRE(largest_kernel_error(product, inputs, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(product, inputs, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(product, inputs, {0, 1}) < 0.01);
    }
}

TEST_CASE("matmul refuses factors on two devices") {
    const Tensor a = Tensor::zeros({2, 4}), b = Tensor::zeros({4, 3}, DType::float32, Device::cuda);
    REQUIRE(error_of([&] { matmul(a, b); }) ==
            "[matmul] a is float32 [2, 4] on cpu, but b is float32 [4, 3] on cuda: all must be on one device");
}
