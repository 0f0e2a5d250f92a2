#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Values = std::vector<double>;

// y[.., i, ..] = x[.., begin + i, ..], one element at a time.
Tensor sliced_plainly(const Tensor& x, int axis, int64_t begin, int64_t end) {
    int64_t inner = 1;
    for (int after = axis + 1; after < x.shape().rank(); ++after) inner *= x.shape()[after];
    const Tensor y = Tensor::empty(x.shape().with(axis, end - begin), DType::float64);
    for (int64_t flat = 0; flat < y.numel(); ++flat) {
        const int64_t o = flat / inner / (end - begin), i = flat / inner % (end - begin);
        y.data<double>()[flat] = x.data<double>()[(o * x.shape()[axis] + begin + i) * inner + flat % inner];
    }
    return y;
}

// Parts of a tensor that is cut along the axis, an empty one and a large one among them.
std::vector<Tensor> parts_along(int axis) {
    std::vector<Tensor> parts;
    for (const int64_t size : {3, 0, 1, 37})
        parts.push_back(random_tensor(Shape{5, 33, 7}.with(axis, size), Random{6, static_cast<uint64_t>(size)}));
    return parts;
}

}  // namespace

TEST_CASE("slice takes rows, columns or what lies between") {
    const Tensor x = counting({2, 3});
    REQUIRE(slice(x, 0, 1, 2).values() == Values{3, 4, 5});
    REQUIRE(slice(x, 1, 1, 3).values() == Values{1, 2, 4, 5});
    REQUIRE(slice(x, -1, 0, 1).shape() == Shape{2, 1});
    REQUIRE(slice(x, 1, 2, 2).shape() == Shape{2, 0});
}

TEST_CASE("slice takes each element from where its indices say, for every axis") {
    const Tensor x = random_tensor({6, 35, 9}, Random{6, 1});
    for (const int axis : {0, 1, 2})
        for (const int64_t begin : {0, 2, 6})
            for (int64_t end = begin; end <= x.shape()[axis] && end < 9; ++end)
                REQUIRE(same_bits(slice(x, axis, begin, end), sliced_plainly(x, axis, begin, end)));
}

TEST_CASE("a slice that lies in one piece shares the memory of its input, whatever the dtype") {
    const Tensor x = counting({4, 6}), words = counting({4, 6}).to(DType::int64);
    REQUIRE(slice(x, 0, 1, 3).data<double>() == x.data<double>() + 6);
    REQUIRE(slice(x, 0, 1, 3).shape() == Shape{2, 6});
    REQUIRE(slice(x, 0, 2, 2).numel() == 0);
    REQUIRE(slice(reshape(x, {1, 6, 4}), 1, 2, 5).data<double>() == x.data<double>() + 8);
    REQUIRE(slice(words, 0, 3, 4).data<int64_t>() == words.data<int64_t>() + 18);
}

TEST_CASE("the gradient of slice is zero in what is left out") {
    const Tensor x = counting({4, 2}), c = Tensor::from({2, 2}, Values{1, 2, 3, 4}),
                 d = Tensor::from({4, 1}, Values{1, 2, 3, 4});
    const auto of_rows = gradients_of([](const auto& in) { return slice(in[0], 0, 1, 3); }, {x}, c);
    REQUIRE(of_rows[0].values() == Values{0, 0, 1, 2, 3, 4, 0, 0});
    const auto of_columns = gradients_of([](const auto& in) { return slice(in[0], 1, 1, 2); }, {x}, d);
    REQUIRE(of_columns[0].values() == Values{0, 1, 0, 2, 0, 3, 0, 4});
    const auto of_none =
        gradients_of([](const auto& in) { return slice(in[0], 1, 1, 1); }, {x}, Tensor::zeros({4, 0}, DType::float64));
    REQUIRE(of_none[0].values() == Values(8, 0.0));
}

TEST_CASE("overlapping slices of one tensor add their gradients") {
    const Tensor x = counting({3, 2}), c = Tensor::from({2, 2}, Values{1, 2, 3, 4});
    const auto d =
        gradients_of([](const auto& in) { return add(slice(in[0], 0, 0, 2), slice(in[0], 0, 1, 3)); }, {x}, c);
    REQUIRE(d[0].values() == Values{1, 2, 4, 6, 3, 4});
}

TEST_CASE("concat puts one part after the other, along rows or along columns") {
    const Tensor a = Tensor::from({2, 2}, Values{1, 2, 3, 4}), b = Tensor::from({2, 1}, Values{5, 6}),
                 none = Tensor::zeros({2, 0}, DType::float64);
    REQUIRE(concat({a, a}, 0).values() == Values{1, 2, 3, 4, 1, 2, 3, 4});
    REQUIRE(concat({a, b}, 1).values() == Values{1, 2, 5, 3, 4, 6});
    REQUIRE(concat({none, b, none, a}, -1).values() == Values{5, 1, 2, 6, 3, 4});
    REQUIRE(concat({a}, 1).values() == Values{1, 2, 3, 4});
    REQUIRE(concat({none}, 1).shape() == Shape{2, 0});
    REQUIRE(concat({none, none}, 0).shape() == Shape{4, 0});
}

TEST_CASE("split takes apart what concat has put together, for every axis, and gradients go the same ways") {
    for (const int axis : {0, 1, 2}) {
        const std::vector<Tensor> parts = parts_along(axis);
        const Tensor whole = concat(parts, axis);
        const auto again = split(whole, {3, 0, 1, 37}, axis);
        REQUIRE(again.size() == parts.size());
        for (size_t i = 0; i < parts.size(); ++i) REQUIRE(same_bits(again[i], parts[i]));

        const Tensor c = random_tensor(whole.shape(), Random{6, 2});
        const auto d = gradients_of([&](const auto& in) { return concat(in, axis); }, parts, c);
        const auto c_parts = split(c, {3, 0, 1, 37}, axis);
        for (size_t i = 0; i < parts.size(); ++i) REQUIRE(same_bits(d[i], c_parts[i]));
    }
}

TEST_CASE("a tensor that is several parts of concat receives all their gradients, and c stays as it was") {
    const Tensor x = counting({1, 2}), y = counting({1, 2}), c = Tensor::from({3, 2}, Values{1, 2, 30, 40, 500, 600});
    const auto d = gradients_of([](const auto& in) { return concat({in[0], in[1], in[0]}, 0); }, {x, y}, c);
    REQUIRE(d[0].values() == Values{501, 602});
    REQUIRE(d[1].values() == Values{30, 40});
    REQUIRE(c.values() == Values{1, 2, 30, 40, 500, 600});
}

TEST_CASE("a constant among the parts of concat takes no gradient") {
    const Tensor x = counting({2, 1}), k = counting({2, 2}), c = Tensor::from({2, 3}, Values{1, 2, 3, 4, 5, 6});
    const auto d = gradients_of([&](const auto& in) { return concat({k, in[0]}, 1); }, {x}, c);
    REQUIRE(d[0].values() == Values{3, 6});
}

TEST_CASE("stack puts parts side by side along an axis of its own") {
    const Tensor a = Tensor::from({3}, Values{1, 2, 3}), b = Tensor::from({3}, Values{4, 5, 6});
    REQUIRE(stack({a, b}, 0).values() == Values{1, 2, 3, 4, 5, 6});
    REQUIRE(stack({a, b}, 0).shape() == Shape{2, 3});
    REQUIRE(stack({a, b}, 1).values() == Values{1, 4, 2, 5, 3, 6});
    REQUIRE(same_bits(stack({a, b}, -1), stack({a, b}, 1)));
    REQUIRE(same_bits(stack({a, b}, -2), stack({a, b}, 0)));
    REQUIRE(stack({Tensor::zeros({2, 0}), Tensor::zeros({2, 0})}, 2).shape() == Shape{2, 0, 2});
    REQUIRE(stack({sum(a)}, 0).values() == Values{6});
}

TEST_CASE("the kernels of slice and concat move every element where the loops do, gradients too") {
    for (const int axis : {0, 1, 2}) {
        const Function together = [&](const auto& in) { return concat(in, axis); };
        const Function cut = [&](const auto& in) { return slice(in[0], axis, 2, 5); };
        const Function none = [&](const auto& in) { return slice(in[0], axis, 5, 5); };
        const Tensor x = random_tensor({6, 35, 9}, Random{6, 3});
        for (const DType dtype : {DType::float64, DType::float32}) {
            REQUIRE(largest_kernel_error(together, parts_along(axis), dtype) == 0);
            REQUIRE(largest_kernel_error(cut, {x}, dtype) == 0);
            REQUIRE(largest_kernel_error(none, {x}, dtype) == 0);
        }
        REQUIRE(largest_bfloat16_error(together, parts_along(axis), {0, 1, 2, 3}) < 0x1p-8);
        REQUIRE(largest_bfloat16_error(cut, {x}, {0}) < 0x1p-8);
        REQUIRE(largest_float_error(cut, {x}) == 0);
        REQUIRE(largest_float_error(together, parts_along(axis)) == 0);
    }
    const Function nothing = [](const auto& in) { return concat({in[0], slice(in[0], 1, 0, 1)}, 1); };
    REQUIRE(largest_kernel_error(nothing, {Tensor::zeros({0, 4}, DType::float64)}, DType::float64) == 0);
}

TEST_CASE("slice and split say what is no part of the tensor") {
    const Tensor x = Tensor::zeros({2, 3});
    REQUIRE(error_of([&] { slice(x, 0, 1, 3); }) == "[slice] 1 to 3 is no part of axis 0 of [2, 3]");
    REQUIRE(error_of([&] { slice(x, -1, 2, 1); }) == "[slice] 2 to 1 is no part of axis 1 of [2, 3]");
    REQUIRE(error_of([&] { slice(x, 1, -1, 2); }) == "[slice] -1 to 2 is no part of axis 1 of [2, 3]");
    REQUIRE(error_of([&] { slice(x, 2, 0, 1); }) == "[slice] [2, 3] has no axis 2");
    REQUIRE(error_of([&] { slice(x, -3, 0, 1); }) == "[slice] [2, 3] has no axis -3");
    REQUIRE(error_of([&] { split(x, {1, 1}, 1); }) == "[split] the sizes add up to 2, but axis 1 of [2, 3] has 3");
    REQUIRE(error_of([&] { split(x, {4, -1}, 1); }) == "[slice] 0 to 4 is no part of axis 1 of [2, 3]");
    REQUIRE(error_of([&] {
                slice(Tensor::zeros({2, 3}, DType::int64), 1, 0, 1);
            }) == "[slice] expects float32, float64 or bfloat16, got int64");
}

TEST_CASE("concat and stack name the part that does not fit") {
    const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({3, 2});
    REQUIRE(error_of([&] {
                concat({a, a, b}, 1);
            }) == "[concat] part 0 is [2, 3], but part 2 is [3, 2]: they may differ in axis 1 alone");
    REQUIRE(error_of([&] {
                concat({a, Tensor::zeros({2})}, 1);
            }) == "[concat] part 0 is [2, 3], but part 1 is [2]: they may differ in axis 1 alone");
    REQUIRE(error_of([&] {
                concat({a, a.to(DType::float64)}, 0);
            }) == "[concat] expects one dtype, got float32 and float64");
    REQUIRE(
        error_of([&] {
            concat({a, a.on(Device::cuda)}, 0);
        }) ==
        "[concat] part 0 is float32 [2, 3] on cpu, but part 1 is float32 [2, 3] on cuda: all must be on one device");
    REQUIRE(error_of([&] { concat({a, a}, 2); }) == "[concat] [2, 3] has no axis 2");
    REQUIRE(error_of([] { concat({}, 0); }) == "[concat] expects at least one tensor, got none");
    REQUIRE(error_of([] { stack({}, 0); }) == "[stack] expects at least one tensor, got none");
    REQUIRE(error_of([&] {
                stack({a, b}, 0);
            }) == "[stack] part 0 is [2, 3], but part 1 is [3, 2]: all must be equally large");
    REQUIRE(error_of([&] { stack({a, a}, 3); }) == "[stack] [2, 3] can have no further axis 3");
}
