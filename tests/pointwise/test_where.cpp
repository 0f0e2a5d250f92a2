#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Function chosen = [](const std::vector<Tensor>& in) { return where(in[0], in[1], in[2]); };

// Every third element is false.
Tensor condition_of(const Shape& shape) {
    Tensor condition = Tensor::empty(shape, DType::uint8);
    for (int64_t i = 0; i < condition.numel(); ++i) condition.data<uint8_t>()[i] = i % 3 != 1;
    return condition;
}

struct Shapes {
    Shape condition, a, b;
};
const std::vector<Shapes> all_shapes{
    {{}, {}, {}},
    {{257}, {257}, {257}},
    {{2, 3}, {2, 3}, {}},
    {{3}, {2, 3}, {2, 1}},
    {{7, 1}, {33}, {7, 33}},
    {{2, 1, 5}, {3, 1}, {1}},
    {{4, 1, 3}, {2, 1}, {4, 2, 3}},
    {{300, 65}, {}, {65}},
    {{0, 3}, {3}, {1, 3}},
    {{1}, {20'001}, {20'001}},
};

}  // namespace

TEST_CASE("where takes a where the condition is not 0, else b") {
    const Tensor condition = Tensor::from({3}, std::vector<uint8_t>{1, 0, 255}),
                 a = Tensor::from({3}, std::vector<double>{1, 2, 3}),
                 b = Tensor::from({3}, std::vector<double>{-1, -2, -3});
    REQUIRE(where(condition, a, b).values() == std::vector<double>{1, -2, 3});
    const auto d = gradients_of(chosen, {condition, a, b}, Tensor::from({3}, std::vector<double>{5, 6, 7}));
    REQUIRE(d[0].values() == std::vector<double>{5, 0, 7});
    REQUIRE(d[1].values() == std::vector<double>{0, 6, 0});
}

// a = tensor([[1., -2., 3.]]), b = tensor([[0.5], [-4.]]), torch.where(tensor([[True], [False]]), a, b)
// .backward(tensor([[1., 2., -4.], [0.25, -1., 4.]]))
TEST_CASE("where of repeated operands gives PyTorch's values and gradients") {
    const Tensor condition = Tensor::from({2, 1}, std::vector<uint8_t>{1, 0}),
                 a = Tensor::from({1, 3}, std::vector<double>{1, -2, 3}),
                 b = Tensor::from({2, 1}, std::vector<double>{0.5, -4}),
                 c = Tensor::from({2, 3}, std::vector<double>{1, 2, -4, 0.25, -1, 4});
    REQUIRE(where(condition, a, b).values() == std::vector<double>{1, -2, 3, -4, -4, -4});
    const auto d = gradients_of(chosen, {condition, a, b}, c);
    REQUIRE(d[0].values() == std::vector<double>{1, 2, -4});
    REQUIRE(d[1].values() == std::vector<double>{0, 3.25});
}

TEST_CASE("where passes on nothing of what it does not choose, NaN and infinity neither") {
    const Tensor condition = Tensor::from({2}, std::vector<uint8_t>{1, 0}),
                 a = Tensor::from({2}, std::vector<double>{1, NAN}),
                 b = Tensor::from({2}, std::vector<double>{INFINITY, 2});
    for (const Device device : {Device::cpu, Device::cuda}) {
        REQUIRE(where(condition.on(device), a.on(device), b.on(device)).values() == std::vector<double>{1, 2});
        const auto d =
            gradients_of(chosen, on(device, {condition, a, b}), Tensor::from({2}, std::vector<double>{NAN, 4}));
        REQUIRE(std::isnan(d[0].values()[0]));
        REQUIRE(d[0].values()[1] == 0);
        REQUIRE(d[1].values() == std::vector<double>{0, 4});
    }
}

TEST_CASE("where agrees with products of repeated operands for all shapes, by loops and kernels, in every type") {
    for (const Shapes& shapes : all_shapes) {
        INFO(shapes.condition.text() << ", " << shapes.a.text() << " and " << shapes.b.text());
        const Tensor condition = condition_of(shapes.condition), factor = condition.to(DType::float64);
        const std::vector<Tensor> two{random_tensor(shapes.a, Random{8, 1}), random_tensor(shapes.b, Random{8, 2})};
        const Function ours = [&](const auto& in) { return where(condition.on(in[0].device()), in[0], in[1]); };
        REQUIRE(
            largest_disagreement(
                ours,
                [&](const auto& in) { return add(multiply(factor, in[0]), multiply(affine(factor, -1, 1), in[1])); },
                two) < 1e-12);
        REQUIRE(largest_float_error(ours, two) < 1e-4);  // sums of up to 20000 terms
        REQUIRE(largest_kernel_error(ours, two, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(ours, two, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(ours, two, {0, 1}) < 0x1p-8);
    }
}

TEST_CASE("where has the same bits on any threads and in any order of a kernel's") {
    const std::vector<Tensor> in{condition_of({37, 1, 65}), random_tensor({29, 1}, Random{8, 3}).to(DType::float32),
                                 random_tensor({65}, Random{8, 4}).to(DType::float32)};
    const Tensor cotangent = random_tensor({37, 29, 65}, Random{8, 5}).to(DType::float32);
    REQUIRE(same_on_any_threads(chosen, in, cotangent));
    REQUIRE(same_in_any_order(chosen, in, cotangent));
}

TEST_CASE("where names shapes, dtypes and devices that do not fit") {
    const Tensor condition = condition_of({2, 3}), a = Tensor::zeros({2, 3});
    REQUIRE(error_of([&] { where(condition, a, Tensor::zeros({2})); }) ==
            "[where] shapes [2, 3], [2, 3] and [2] do not broadcast");
    REQUIRE(error_of([&] {
                where(condition_of({4, 1}), a, a);
            }) == "[where] shapes [4, 1], [2, 3] and [2, 3] do not broadcast");
    REQUIRE(error_of([&] { where(a, a, a); }) == "[where] condition must be uint8, got float32");
    REQUIRE(error_of([&] { where(condition, a, a.to(DType::float64)); }) ==
            "[where] expects one dtype, got float32 and float64");
    REQUIRE(error_of([&] { where(condition, a.on(Device::cuda), a); }) ==
            "[where] condition is uint8 [2, 3] on cpu, but a is float32 [2, 3] on cuda: all must be on one device");
}
