#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

struct Shapes {
    Shape small, large;
};

// Missing axes, inner axes, the last axis, all at once, none at all, scalars, and sizes past one piece of work; more
// sums than a block of a kernel makes, by threads and by warps.
const std::vector<Shapes> all_shapes{
    {{}, {}},
    {{}, {3}},
    {{1}, {257}},
    {{}, {2, 3}},
    {{5}, {5}},
    {{33}, {7, 33}},
    {{7, 1}, {7, 33}},
    {{1, 33}, {7, 33}},
    {{2, 1, 3}, {2, 4, 3}},
    {{2, 1, 3}, {4, 2, 5, 3}},
    {{1, 2, 1, 3, 1}, {5, 2, 3, 3, 2}},
    {{3, 1, 1}, {2, 3, 4, 5}},
    {{257}, {300, 257}},
    {{64, 1}, {64, 1001}},
    {{1, 3}, {0, 3}},
    {{3, 1, 171}, {3, 2, 171}},
    {{513, 1}, {513, 3}},
};

// The value at `flat` of the large shape comes from here in the small one, found axis by axis from the last.
int64_t source(const Shapes& shapes, int64_t flat) {
    int64_t index = 0, stride = 1;
    for (int axis = 1; axis <= shapes.large.rank(); ++axis) {
        const int64_t i = flat % shapes.large[-axis];
        flat /= shapes.large[-axis];
        if (axis > shapes.small.rank()) continue;
        if (shapes.small[-axis] != 1) index += i * stride;
        stride *= shapes.small[-axis];
    }
    return index;
}

}  // namespace

TEST_CASE("broadcast_to repeats a row and a column") {
    const Tensor row = Tensor::from({3}, std::vector<double>{1, 2, 3}),
                 column = Tensor::from({2, 1}, std::vector<double>{1, 2});
    REQUIRE(broadcast_to(row, {2, 3}).values() == std::vector<double>{1, 2, 3, 1, 2, 3});
    REQUIRE(broadcast_to(column, {2, 3}).values() == std::vector<double>{1, 1, 1, 2, 2, 2});
}

TEST_CASE("sum_to sums columns, rows or everything") {
    const Tensor x = Tensor::from({2, 3}, std::vector<double>{1, 2, 3, 10, 20, 30});
    REQUIRE(sum_to(x, {3}).values() == std::vector<double>{11, 22, 33});
    REQUIRE(sum_to(x, {2, 1}).values() == std::vector<double>{6, 60});
    REQUIRE(sum_to(x, {}).values() == std::vector<double>{66});
}

TEST_CASE("broadcast_to and sum_to take each element from where its indices say") {
    for (const Shapes& shapes : all_shapes) {
        INFO(shapes.small.text() << " and " << shapes.large.text());
        const Tensor small = random_tensor(shapes.small, Random{3, 1}),
                     large = random_tensor(shapes.large, Random{3, 2});
        Tensor repeated = Tensor::empty(shapes.large, DType::float64),
               summed = Tensor::zeros(shapes.small, DType::float64);
        for (int64_t i = 0; i < large.numel(); ++i) {
            repeated.data<double>()[i] = small.data<double>()[source(shapes, i)];
            summed.data<double>()[source(shapes, i)] += large.data<double>()[i];
        }
        REQUIRE(largest_difference(broadcast_to(small, shapes.large), repeated) == 0);
        REQUIRE(largest_difference(sum_to(large, shapes.small), summed) < 1e-11);
    }
}

TEST_CASE("broadcast_to and sum_to are each other's transpose") {
    for (const Shapes& shapes : all_shapes) {
        INFO(shapes.small.text() << " and " << shapes.large.text());
        const Tensor small = random_tensor(shapes.small, Random{3, 3}),
                     large = random_tensor(shapes.large, Random{3, 4});
        const double left = sum(multiply(broadcast_to(small, shapes.large), large)).item();
        const double right = sum(multiply(small, sum_to(large, shapes.small))).item();
        REQUIRE(left == Approx(right).margin(1e-10));
    }
}

TEST_CASE("broadcast_to and sum_to used twice give twice the gradient") {
    const Tensor x = random_tensor({3, 1}, Random{3, 5}), z = random_tensor({3, 4}, Random{3, 6});
    const auto d = gradients_of(
        [](const auto& in) {
            return multiply(broadcast_to(in[0], {3, 4}), broadcast_to(in[0], {3, 4}));
        },
        {x}, z);
    // y_ij = x_i^2, so dx_i = 2 x_i sum_j c_ij.
    REQUIRE(largest_difference(d[0], scale(multiply(x, sum_to(z, {3, 1})), 2)) < 1e-13);
    const Tensor c = random_tensor({4}, Random{3, 7});
    const auto e = gradients_of([](const auto& in) { return add(sum_to(in[0], {4}), sum_to(in[0], {4})); }, {z}, c);
    REQUIRE(largest_difference(e[0], scale(broadcast_to(c, {3, 4}), 2)) == 0);
}

TEST_CASE("sum_to in float agrees with double, and its bits do not depend on the number of threads") {
    const Tensor x = random_tensor({1500, 150}, Random{3, 8});
    REQUIRE(largest_float_error([](const auto& in) { return sum_to(in[0], {150}); }, {x}) < 1e-3);
    REQUIRE(largest_float_error([](const auto& in) { return sum_to(in[0], {1500, 1}); }, {x}) < 1e-4);
    const Tensor narrow = x.to(DType::float32);
    const int before = thread_count();
    set_thread_count(1);
    const Tensor one = sum_to(narrow, {150});
    set_thread_count(2);
    const Tensor two = sum_to(narrow, {150});
    set_thread_count(before);
    REQUIRE(same_bits(one, two));
}

TEST_CASE("broadcast_to and sum_to name shapes that do not fit") {
    const Tensor x = Tensor::zeros({2, 3});
    const std::string rule = ": axes must be equal, 1 or missing in front";
    REQUIRE(error_of([&] { broadcast_to(x, {2, 4}); }) == "[broadcast_to] cannot repeat [2, 3] to [2, 4]" + rule);
    REQUIRE(error_of([&] { broadcast_to(x, {3}); }) == "[broadcast_to] cannot repeat [2, 3] to [3]" + rule);
    REQUIRE(error_of([&] { sum_to(x, {2}); }) == "[sum_to] cannot sum [2, 3] to [2]" + rule);
}

TEST_CASE("the fast path and the kernels of broadcast_to and sum_to agree with their plain loops for all shapes") {
    for (const Shapes& shapes : all_shapes) {
        INFO(shapes.small.text() << " and " << shapes.large.text());
        const Function repeat = [&](const auto& in) { return broadcast_to(in[0], shapes.large); };
        const Function sum_up = [&](const auto& in) { return sum_to(in[0], shapes.small); };
        const Tensor small = random_tensor(shapes.small, Random{3, 9}),
                     large = random_tensor(shapes.large, Random{3, 10});
        for (const auto& [f, x] : {std::pair(repeat, small), std::pair(sum_up, large)}) {
            REQUIRE(largest_fast_error(f, {x}, DType::float64) < 1e-13);
            REQUIRE(largest_fast_error(f, {x}, DType::float32) < 1e-5);
        }
        REQUIRE(largest_kernel_error(repeat, {small}, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(sum_up, {large}, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(sum_up, {large}, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(repeat, {small}, {0}) < 0x1p-8);
        REQUIRE(largest_bfloat16_error(sum_up, {large}, {0}) < 0x1p-8);
    }
}

TEST_CASE("the kernels of sum_to give the same bits in whatever order threads run") {
    const Tensor x = random_tensor({7, 33, 40}, Random{3, 11}).to(DType::float32);
    for (const Shape& to : {Shape{}, Shape{40}, Shape{33, 1}, Shape{7, 1, 40}, Shape{1, 33, 1}}) {
        const Tensor cotangent = random_tensor(to, Random{3, 12}).to(DType::float32);
        REQUIRE(same_in_any_order([&](const auto& in) { return sum_to(in[0], to); }, {x}, cotangent));
    }
}
