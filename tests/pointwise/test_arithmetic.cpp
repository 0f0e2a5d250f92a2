#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <utility>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Tensor vector_of(const std::vector<double>& values) {
    return Tensor::from({static_cast<int64_t>(values.size())}, values);
}

using Binary = Tensor (*)(const Tensor&, const Tensor&);

// Equal shapes, missing axes, inner axes, the last axis, both operands repeated, numbers, nothing at all, rows that are
// shorter than a thread's share of a kernel, and sizes past one piece of work.
const std::vector<std::pair<Shape, Shape>>& pairs_of_shapes() {
    static const std::vector<std::pair<Shape, Shape>> pairs{
        {{}, {}},
        {{1}, {}},
        {{2, 3}, {2, 3}},
        {{2, 3}, {1, 2, 3}},
        {{257}, {}},
        {{1}, {7, 33}},
        {{7, 33}, {33}},
        {{7, 1}, {7, 33}},
        {{5, 3}, {5, 1}},
        {{1, 3}, {5, 1}},
        {{8, 1}, {1, 16}},
        {{2, 1, 3}, {2, 4, 3}},
        {{2, 1, 3, 1}, {4, 1, 5}},
        {{3, 1, 1}, {2, 3, 4, 5}},
        {{4, 1, 2, 1, 3}, {1, 5, 1, 2, 1}},
        {{300, 257}, {257}},
        {{64, 1}, {1001}},
        {{20'001}, {1}},
        {{1, 3}, {0, 3}},
        {{0, 1}, {4}},
    };
    return pairs;
}

// An operation that only this file knows, without kernels: y_i = x_i^2.
template <class T>
struct SquareOp {
    int64_t count;
    const T* x = nullptr;
    T* y = nullptr;

    void forward() const {
        for (int64_t i = 0; i < count; ++i) y[i] = x[i] * x[i];
    }
    void backward() const {}
};

}  // namespace

TEST_CASE("add, subtract and multiply of small numbers come out as on paper") {
    const Tensor a = vector_of({1, -2, 3}), b = vector_of({10, 20, -30});
    REQUIRE(add(a, b).values() == std::vector<double>{11, 18, -27});
    REQUIRE(subtract(a, b).values() == std::vector<double>{-9, -22, 33});
    REQUIRE(multiply(a, b).values() == std::vector<double>{10, -40, -90});
}

TEST_CASE("multiply by a constant saves work, not correctness") {
    const Tensor x = vector_of({1, 2}), k = vector_of({3, -4});
    const auto d = gradients_of([&](const auto& in) { return multiply(k, in[0]); }, {x}, vector_of({1, 1}));
    REQUIRE(d[0].values() == std::vector<double>{3, -4});
}

TEST_CASE("a tensor used twice receives the sum of both gradients") {
    const Tensor x = vector_of({1, -2, 3}), c = vector_of({0.5, 7, -11});
    const auto gradient_of = [&](const Function& f) { return gradients_of(f, {x}, c)[0].values(); };
    REQUIRE(gradient_of([](const auto& in) { return add(in[0], in[0]); }) == std::vector<double>{1, 14, -22});
    REQUIRE(gradient_of([](const auto& in) { return subtract(in[0], in[0]); }) == std::vector<double>{0, 0, 0});
    REQUIRE(gradient_of([](const auto& in) { return multiply(in[0], in[0]); }) == std::vector<double>{1, -28, -66});
}

TEST_CASE("add leaves the gradient it passes on to two inputs alone") {
    // dy reaches a and b as one tensor; a then receives more, which must not show in b.
    const Tensor a = vector_of({1, 2}), b = vector_of({3, 4}), c = vector_of({10, 20});
    const auto d = gradients_of([](const auto& in) { return add(add(in[0], in[1]), in[0]); }, {a, b}, c);
    REQUIRE(d[0].values() == std::vector<double>{20, 40});
    REQUIRE(d[1].values() == std::vector<double>{10, 20});
    REQUIRE(c.values() == std::vector<double>{10, 20});
}

TEST_CASE("add, subtract and multiply repeat a row and a column as on paper") {
    const Tensor row = Tensor::from({1, 3}, std::vector<double>{1, 2, 3}),
                 column = Tensor::from({2, 1}, std::vector<double>{10, 20}),
                 number = Tensor::from({}, std::vector{5.0});
    REQUIRE(add(row, column).shape() == Shape{2, 3});
    REQUIRE(add(row, column).values() == std::vector<double>{11, 12, 13, 21, 22, 23});
    REQUIRE(subtract(column, row).values() == std::vector<double>{9, 8, 7, 19, 18, 17});
    REQUIRE(multiply(row, column).values() == std::vector<double>{10, 20, 30, 20, 40, 60});
    REQUIRE(multiply(vector_of({1, 2, 3}), column).values() == std::vector<double>{10, 20, 30, 20, 40, 60});
    REQUIRE(subtract(number, column).values() == std::vector<double>{-5, -15});
    const auto d = gradients_of([](const auto& in) { return multiply(in[0], in[1]); }, {row, column}, counting({2, 3}));
    REQUIRE(d[0].values() == std::vector<double>{60, 90, 120});  // 0 10 + 3 20, 1 10 + 4 20, 2 10 + 5 20
    REQUIRE(d[1].values() == std::vector<double>{8, 26});        // 0 1 + 1 2 + 2 3, 3 1 + 4 2 + 5 3
}

// a = tensor([[1., -2., 3.]]), b = tensor([[0.5], [-4.]]), y.backward(tensor([[1., 2., -4.], [0.25, -1., 4.]]))
TEST_CASE("add, subtract and multiply of repeated operands give PyTorch's values and gradients") {
    const Tensor a = Tensor::from({1, 3}, std::vector<double>{1, -2, 3}),
                 b = Tensor::from({2, 1}, std::vector<double>{0.5, -4}),
                 c = Tensor::from({2, 3}, std::vector<double>{1, 2, -4, 0.25, -1, 4});
    struct Expected {
        Binary f;
        std::vector<double> y, da, db;
    };
    const std::vector<Expected> all{
        {add, {1.5, -1.5, 3.5, -3, -6, -1}, {1.25, 1, 0}, {-1, 3.25}},
        {subtract, {0.5, -2.5, 2.5, 5, 2, 7}, {1.25, 1, 0}, {1, -3.25}},
        {multiply, {0.5, -1, 1.5, -4, 8, -12}, {-0.5, 5, -18}, {-15, 14.25}},
    };
    for (const Expected& one : all) {
        const auto d = gradients_of([&](const auto& in) { return one.f(in[0], in[1]); }, {a, b}, c);
        REQUIRE(one.f(a, b).values() == one.y);
        REQUIRE(d[0].values() == one.da);
        REQUIRE(d[1].values() == one.db);
    }
}

TEST_CASE("operands that an operation repeats agree with operands repeated by broadcast_to, gradients too") {
    for (const auto& [a, b] : pairs_of_shapes()) {
        INFO(a.text() << " and " << b.text());
        const Shape shape = *broadcast(a, b);
        const std::vector<Tensor> in{random_tensor(a, Random{2, 20}), random_tensor(b, Random{2, 21})};
        for (const Binary f : {add, subtract, multiply}) {
            const Function ours = [&](const auto& x) { return f(x[0], x[1]); };
            const Function repeated = [&](const auto& x) {
                return f(broadcast_to(x[0], shape), broadcast_to(x[1], shape));
            };
            REQUIRE(largest_disagreement(ours, repeated, in) < 1e-12);
        }
    }
}

TEST_CASE("add, subtract and multiply in float agree with double, gradients too") {
    const std::vector<Tensor> two{random_tensor({3, 20'001}, Random{2, 2}), random_tensor({3, 20'001}, Random{2, 3})};
    REQUIRE(largest_float_error([](const auto& in) { return add(in[0], in[1]); }, two) < 1e-6);
    REQUIRE(largest_float_error([](const auto& in) { return subtract(in[0], in[1]); }, two) < 1e-6);
    REQUIRE(largest_float_error([](const auto& in) { return multiply(in[0], in[1]); }, two) < 4e-6);
    const std::vector<Tensor> row{two[0], random_tensor({20'001}, Random{2, 3})};
    REQUIRE(largest_float_error([](const auto& in) { return subtract(in[1], in[0]); }, row) < 1e-6);
    REQUIRE(largest_float_error([](const auto& in) { return multiply(in[0], in[1]); }, row) < 4e-6);
}

TEST_CASE("the kernels of add, subtract and multiply agree with their loops, at any length and any address") {
    const Function both = [](const auto& in) { return add(multiply(in[0], in[1]), subtract(in[1], in[0])); };
    for (const int64_t length : {0, 1, 33, 257, 10'001}) {
        const std::vector<Tensor> two{random_tensor({length}, Random{2, 4}), random_tensor({length}, Random{2, 5})};
        INFO(length << " elements");
        REQUIRE(largest_kernel_error(both, two, DType::float64) < 1e-14);
        REQUIRE(largest_kernel_error(both, two, DType::float32) < 1e-6);
    }
    // Rows of 33 elements begin where no vector load may, each row somewhere else.
    const Tensor x = random_tensor({5, 33}, Random{2, 6});
    const Function of_rows = [](const auto& in) { return multiply(slice(in[0], 0, 1, 3), slice(in[0], 0, 2, 4)); };
    const Function of_a_row = [](const auto& in) { return subtract(in[0], slice(in[0], 0, 3, 4)); };
    for (const Function& f : {of_rows, of_a_row}) {
        for (const DType dtype : {DType::float64, DType::float32}) REQUIRE(largest_kernel_error(f, {x}, dtype) < 1e-6);
        REQUIRE(largest_bfloat16_error(f, {x}, {0}) < 0.02);
    }
}

TEST_CASE("the kernels of add, subtract and multiply agree with their loops for all pairs of shapes") {
    const Function both = [](const auto& in) { return add(multiply(in[0], in[1]), subtract(in[1], in[0])); };
    for (const auto& [a, b] : pairs_of_shapes()) {
        INFO(a.text() << " and " << b.text());
        const std::vector<Tensor> two{random_tensor(a, Random{2, 9}), random_tensor(b, Random{2, 10})};
        REQUIRE(largest_kernel_error(both, two, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(both, two, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(both, two, {0, 1}) < 0.03);  // a sum of five rounded terms
    }
}

TEST_CASE("add and multiply of repeated operands have the same bits on any threads and in any order of a kernel's") {
    const std::vector<Tensor> two{random_tensor({37, 1, 65}, Random{2, 11}).to(DType::float32),
                                  random_tensor({29, 1}, Random{2, 12}).to(DType::float32)};
    const Tensor cotangent = random_tensor({37, 29, 65}, Random{2, 13}).to(DType::float32);
    const Function f = [](const auto& in) { return add(multiply(in[0], in[1]), in[1]); };
    REQUIRE(same_on_any_threads(f, two, cotangent));
    REQUIRE(same_in_any_order(f, two, cotangent));
}

TEST_CASE("add, subtract and multiply in bfloat16 round their results and nothing else") {
    const Tensor a = random_tensor({3, 257}, Random{2, 7}), b = random_tensor({3, 257}, Random{2, 8}),
                 row = random_tensor({257}, Random{2, 14});
    for (const Binary f : {add, subtract, multiply}) {
        const Function of_two = [&](const auto& in) { return f(in[0], in[1]); };
        REQUIRE(largest_bfloat16_error(of_two, {a, b}, {0, 1}) < 0x1p-8);
        REQUIRE(largest_bfloat16_error(of_two, {a, row}, {0, 1}) < 0x1.8p-8);  // dy row is rounded, and its sum again
    }
}

TEST_CASE("add, subtract and multiply name both shapes, or dtypes, that do not fit") {
    const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({3, 2}), wide = Tensor::zeros({2, 3}, DType::float64);
    REQUIRE(error_of([&] { add(a, b); }) == "[add] shapes [2, 3] and [3, 2] do not broadcast");
    REQUIRE(error_of([&] { subtract(a, b); }) == "[subtract] shapes [2, 3] and [3, 2] do not broadcast");
    REQUIRE(error_of([&] { multiply(a, Tensor::zeros({2})); }) == "[multiply] shapes [2, 3] and [2] do not broadcast");
    REQUIRE(error_of([&] { multiply(a, Tensor::zeros({0})); }) == "[multiply] shapes [2, 3] and [0] do not broadcast");
    REQUIRE(error_of([&] { add(a, wide); }) == "[add] expects one dtype, got float32 and float64");
}

TEST_CASE("add and multiply refuse an operand that is undefined") {
    const Tensor there = Tensor::zeros({2}), nothing;
    REQUIRE(error_of([&] { add(there, nothing); }) == "[add] b is undefined");
    REQUIRE(error_of([&] { multiply(nothing, there); }) == "[multiply] a is undefined");
}

TEST_CASE("add and multiply refuse operands on two devices") {
    const Tensor here = Tensor::zeros({2, 4}), there = Tensor::zeros({2, 4}, DType::float32, Device::cuda);
    const std::string rest = "a is float32 [2, 4] on cpu, but b is float32 [2, 4] on cuda: all must be on one device";
    REQUIRE(error_of([&] { add(here, there); }) == "[add] " + rest);
    REQUIRE(error_of([&] { multiply(here, there); }) == "[multiply] " + rest);
}

TEST_CASE("an operation without kernels works on the CPU and is refused on a GPU") {
    const auto square = [](const Tensor& x, const auto& run) {
        const Tensor y = x.empty_like(x.shape());
        run("square", x, [&]<class T>(T) { return SquareOp<T>{.count = x.numel(), .x = ptr(x), .y = ptr(y)}; });
        return y;
    };
    const auto forward = [](auto... with) { run_forward(with...); };
    const auto backward = [](auto... with) { run_backward(with...); };
    const Tensor x = vector_of({1, -2, 3}), there = x.on(Device::cuda);
    REQUIRE(square(x, forward).values() == std::vector<double>{1, 4, 9});
    const std::string refusal = "[square] has no kernels, and x is float64 [3] on cuda";
    REQUIRE(error_of([&] { square(there, forward); }) == refusal);
    REQUIRE(error_of([&] { square(there, backward); }) == refusal);
}
