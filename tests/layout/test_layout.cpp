#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <algorithm>
#include <numeric>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// y[i] = x[j] with j_axes[k] = i_k, one element at a time.
Tensor permuted_plainly(const Tensor& x, const std::vector<int>& axes) {
    const auto rank = static_cast<size_t>(x.shape().rank());
    std::vector<int64_t> sizes(rank), index(rank);
    for (size_t k = 0; k < rank; ++k) sizes[k] = x.shape()[axes[k]];
    const Tensor y = Tensor::empty(Shape(sizes), DType::float64);
    for (int64_t flat = 0; flat < y.numel(); ++flat) {
        int64_t rest = flat, from = 0;
        for (size_t k = rank; k-- > 0; rest /= sizes[k]) index[static_cast<size_t>(axes[k])] = rest % sizes[k];
        for (size_t axis = 0; axis < rank; ++axis) from = from * x.shape()[static_cast<int>(axis)] + index[axis];
        y.data<double>()[flat] = x.data<double>()[from];
    }
    return y;
}

}  // namespace

TEST_CASE("permute turns rows into columns") {
    const Tensor y = permute(counting({2, 3}), {1, 0});
    REQUIRE(y.shape() == Shape{3, 2});
    REQUIRE(y.values() == std::vector<double>{0, 3, 1, 4, 2, 5});
}

TEST_CASE(
    "permute takes each element from where its indices say, for every order of the axes, and its inverse goes back") {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{33, 7}, Shape{1, 257, 2}, Shape{3, 1, 4, 5}, Shape{0, 3}}) {
        std::vector<int> axes(static_cast<size_t>(shape.rank()));
        std::iota(axes.begin(), axes.end(), 0);
        const Tensor x = random_tensor(shape, Random{5, 1});
        do {
            std::vector<int> inverse(axes.size());
            for (size_t i = 0; i < axes.size(); ++i) inverse[static_cast<size_t>(axes[i])] = static_cast<int>(i);
            const Tensor y = permute(x, axes);
            REQUIRE(largest_difference(y, permuted_plainly(x, axes)) == 0);
            REQUIRE(largest_difference(permute(y, inverse), x) == 0);
        } while (std::next_permutation(axes.begin(), axes.end()));
    }
}

TEST_CASE("permute works past one piece of work, in float too") {
    const Tensor x = random_tensor({3, 130, 257}, Random{5, 2});
    REQUIRE(largest_difference(permute(x, {2, 0, 1}), permuted_plainly(x, {2, 0, 1})) == 0);
    REQUIRE(largest_difference(permute(x, {1, 0, 2}), permuted_plainly(x, {1, 0, 2})) == 0);
    REQUIRE(largest_float_error([](const auto& in) { return permute(in[0], {2, 0, 1}); }, {x}) == 0);
}

TEST_CASE("reshape shares the memory of its input") {
    const Tensor x = counting({4, 6});
    REQUIRE(reshape(x, {3, 8}).address() == x.address());
}

TEST_CASE("a gradient that reshape shares is not written to") {
    // dy of the outer add is one tensor, seen by x directly and through a reshape; y must still receive dy alone.
    const Tensor x = counting({2, 3}), y = counting({6}), c = random_tensor({6}, Random{5, 3});
    const auto d = gradients_of(
        [](const auto& in) { return add(add(reshape(in[0], {6}), in[1]), reshape(in[0], {6})); }, {x, y}, c);
    REQUIRE(largest_difference(d[0], reshape(scale(c, 2), {2, 3})) == 0);
    REQUIRE(largest_difference(d[1], c) == 0);
}

TEST_CASE("permute of the same tensor twice gives both gradients") {
    const Tensor x = random_tensor({2, 3}, Random{5, 4}), c = random_tensor({3, 2}, Random{5, 5});
    const auto d = gradients_of(
        [](const auto& in) {
            return add(permute(in[0], {1, 0}), permute(in[0], {1, 0}));
        },
        {x}, c);
    REQUIRE(largest_difference(d[0], scale(permute(c, {1, 0}), 2)) == 0);
}

TEST_CASE("layout operations say what does not fit") {
    const Tensor x = Tensor::zeros({2, 3});
    REQUIRE(error_of([&] { reshape(x, {4}); }) == "[reshape] [2, 3] has 6 elements, [4] has 4");
    REQUIRE(error_of([&] { permute(x, {0}); }) == "[permute] axes of [2, 3] must be 0 to 1, each once, got [0]");
    REQUIRE(error_of([&] { permute(x, {0, 0}); }) == "[permute] axes of [2, 3] must be 0 to 1, each once, got [0, 0]");
    REQUIRE(error_of([&] {
                permute(x, {0, -1});
            }) == "[permute] axes of [2, 3] must be 0 to 1, each once, got [0, -1]");
}

TEST_CASE("the kernel of permute moves every element where the loop does, for every order of the axes") {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{33, 7}, Shape{1, 257, 2}, Shape{3, 1, 4, 5}, Shape{0, 3}}) {
        std::vector<int> axes(static_cast<size_t>(shape.rank()));
        std::iota(axes.begin(), axes.end(), 0);
        const Tensor x = random_tensor(shape, Random{5, 6});
        do {
            const Function f = [&](const auto& in) { return permute(in[0], axes); };
            REQUIRE(largest_kernel_error(f, {x}, DType::float64) == 0);
            REQUIRE(largest_kernel_error(f, {x}, DType::float32) == 0);
        } while (std::next_permutation(axes.begin(), axes.end()));
    }
    const Function cube = [](const auto& in) { return permute(in[0], {2, 0, 1}); };
    const Tensor x = random_tensor({3, 33, 65}, Random{5, 7}).to(DType::bfloat16);
    REQUIRE(same_bits(cube({x.on(Device::cuda)}), permute(x.to(DType::float32), {2, 0, 1}).to(DType::bfloat16)));
}

TEST_CASE("reshape and slice are on a device what they are on the CPU, gradients too") {
    const Function f = [](const auto& in) {
        return add(slice(reshape(in[0], {6, 11}), 0, 1, 4), slice(reshape(in[0], {6, 11}), 0, 3, 6));
    };
    REQUIRE(largest_kernel_error(f, {random_tensor({3, 22}, Random{5, 8})}, DType::float64) == 0);
    REQUIRE(largest_bfloat16_error(f, {random_tensor({3, 22}, Random{5, 8})}, {0}) < 0x1p-8);
}
