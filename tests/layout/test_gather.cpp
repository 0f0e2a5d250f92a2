#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Values = std::vector<double>;

Tensor index_of(const Shape& shape, const std::vector<int64_t>& values) { return Tensor::from(shape, values); }

// Some index below `size` for each element, many of them more than once in a line.
Tensor any_index(const Shape& shape, int64_t size) {
    const Tensor index = Tensor::empty(shape, DType::int64);
    for (int64_t i = 0; i < index.numel(); ++i) index.data<int64_t>()[i] = i * i * 7 % (size + 5) % size;
    return index;
}

// Of a case: x's shape, the axis, index' shape.
struct Case {
    Shape from;
    int axis;
    Shape to;
};
const std::vector<Case> cases{
    {{33}, 0, {70}},         {{5, 33}, 1, {5, 9}},       {{33, 5}, 0, {3, 5}}, {{3, 40, 7}, 1, {3, 65, 7}},
    {{6, 35}, 1, {4, 40}},   {{6, 35, 4}, 0, {9, 1, 3}}, {{2, 3}, 1, {2, 0}},  {{0, 3}, 1, {0, 2}},
    {{4, 1030}, -1, {4, 1}},
};

}  // namespace

TEST_CASE("gather picks within lines, as torch.gather does, and gives torch's gradient") {
    // torch.gather(x, 0, index), then the gradient for a cotangent of 0.5, 1, 1.5, ...; the same along axis 1.
    const Tensor x = Tensor::from({3, 3}, Values{1.5, -2, 0.25, 4, 5.5, -6, 7, 8, 9});
    const Tensor down = index_of({4, 2}, {2, 0, 1, 1, 2, 0, 2, 2}), along = index_of({3, 2}, {2, 0, 1, 1, 2, 0});
    const Function by_rows = [&](const auto& in) { return gather(in[0], 0, down); };
    const Function by_columns = [&](const auto& in) { return gather(in[0], 1, along); };
    REQUIRE(by_rows({x}).values() == Values{7, -2, 4, 5.5, 7, -2, 7, 8});
    REQUIRE(by_columns({x}).values() == Values{0.25, 1.5, 5.5, 5.5, 9, 7});
    const Tensor eight = Tensor::from({4, 2}, Values{0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4});
    REQUIRE(gradients_of(by_rows, {x}, eight)[0].values() == Values{0, 4, 0, 1.5, 2, 0, 6.5, 4, 0});
    const Tensor six = Tensor::from({3, 2}, Values{0.5, 1, 1.5, 2, 2.5, 3});
    REQUIRE(gradients_of(by_columns, {x}, six)[0].values() == Values{1, 0, 0.5, 0, 3.5, 0, 3, 0, 2.5});
}

TEST_CASE("gather by 0, 1, 2, ... along an axis is the tensor again") {
    const Tensor x = random_tensor({4, 5}, Random{8, 1});
    const Tensor index = Tensor::empty({4, 5}, DType::int64);
    for (int64_t i = 0; i < 20; ++i) index.data<int64_t>()[i] = i / 5;
    REQUIRE(same_bits(gather(x, 0, index), x));
    for (int64_t i = 0; i < 20; ++i) index.data<int64_t>()[i] = i % 5;
    REQUIRE(same_bits(gather(x, -1, index), x));
}

TEST_CASE("gather in float agrees with double, and its kernels with its loops, on awkward shapes") {
    for (const Case& one : cases) {
        INFO(one.from.text() << " along axis " << one.axis << " by " << one.to.text());
        const Tensor x = random_tensor(one.from, Random{8, 2}), index = any_index(one.to, one.from[one.axis]);
        const Function f = [&](const auto& in) { return gather(in[0], one.axis, index.on(in[0].device())); };
        REQUIRE(largest_float_error(f, {x}) < 1e-5);
        REQUIRE(largest_kernel_error(f, {x}, DType::float64) < 1e-14);
        REQUIRE(largest_kernel_error(f, {x}, DType::float32) < 1e-6);
        REQUIRE(largest_bfloat16_error(f, {x}, {0}) < 0x1p-8);
    }
}

TEST_CASE("gather's gradient has the same bits on any number of threads, and whatever order a block's threads have") {
    const Tensor x = random_tensor({3, 40, 65}, Random{8, 3}).to(DType::float32), index = any_index({3, 90, 65}, 40);
    const Tensor c = random_tensor({3, 90, 65}, Random{8, 4}).to(DType::float32);
    const Function f = [&](const auto& in) { return gather(in[0], 1, index.on(in[0].device())); };
    REQUIRE(same_on_any_threads(f, {x}, c));
    REQUIRE(same_in_any_order(f, {x}, c));
}

TEST_CASE("gather by an index out of range on a device gives NaN, and its gradient goes nowhere") {
    const Tensor x = counting({2, 3}).on(Device::cuda);
    const Tensor index = index_of({2, 3}, {0, 3, 2, -1, 1, 1}).on(Device::cuda);
    const Function f = [&](const auto& in) { return gather(in[0], 1, index); };
    const auto y = f({x}).values();
    REQUIRE((std::isnan(y[1]) && std::isnan(y[3])));
    REQUIRE((y[0] == 0 && y[2] == 2 && y[4] == 4 && y[5] == 4));
    const auto d = gradients_of(f, {x}, Tensor::from({2, 3}, Values{1, 2, 3, 4, 5, 6}));
    REQUIRE(d[0].values() == Values{1, 0, 3, 0, 11, 0});
}

TEST_CASE("gather names an index that is out of range, its place, and what it may be") {
    const Tensor x = Tensor::zeros({2, 3});
    REQUIRE(error_of([&] {
                gather(x, 1, index_of({2, 2}, {0, 2, 1, 3}));
            }) == "[gather] index 3 at [1, 1] must be at least 0 and below 3");
    REQUIRE(error_of([&] {
                gather(x, 0, index_of({1, 3}, {0, 1, -1}));
            }) == "[gather] index -1 at [0, 2] must be at least 0 and below 2");
    REQUIRE(error_of([&] {
                gather(Tensor::zeros({2, 0}), 1, index_of({1, 1}, {0}));
            }) == "[gather] index 0 at [0, 0] must be at least 0 and below 0");
}

TEST_CASE("gather names shapes, axes, dtypes and devices that do not fit") {
    const Tensor x = Tensor::zeros({2, 3}), index = Tensor::zeros({3, 1}, DType::int64);
    REQUIRE(error_of([&] { gather(x, 1, index); }) ==
            "[gather] index must be no larger than [2, 3] but along axis 1, got [3, 1]");
    REQUIRE(error_of([&] { gather(x, 1, Tensor::zeros({2}, DType::int64)); }) ==
            "[gather] index must be no larger than [2, 3] but along axis 1, got [2]");
    REQUIRE(error_of([&] { gather(x, 2, index); }) == "[gather] [2, 3] has no axis 2");
    REQUIRE(error_of([&] {
                gather(x, 0, Tensor::zeros({2, 3}));
            }) == "[gather] index must be int64, got float32 [2, 3] on cpu");
    REQUIRE(error_of([&] { gather(x.on(Device::cuda), 0, index); }) ==
            "[gather] x is float32 [2, 3] on cuda, but index is int64 [3, 1] on cpu: all must be on one device");
}
