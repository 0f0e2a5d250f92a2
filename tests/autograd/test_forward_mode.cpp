#include "autograd/forward_mode.h"

#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Values = std::vector<double>;
using Tensors = std::vector<Tensor>;

Tensor vector(const Values& values) { return Tensor::from({static_cast<int64_t>(values.size())}, values); }

// x^3, element by element; its sum.
Tensor cubes(const Tensors& in) { return multiply(in[0], multiply(in[0], in[0])); }
Tensor sum_of_cubes(const Tensors& in) { return sum(cubes(in)); }
// sum of x_i^2 y_i
Tensor mixed(const Tensors& in) { return sum(multiply(multiply(in[0], in[0]), in[1])); }

}  // namespace

TEST_CASE("a tensor with a tangent: both parts come back") {
    const Tensor both = with_tangent(vector({1, 2}), vector({3, -4}));
    REQUIRE(both.dtype() == DType::dual);
    REQUIRE(both.to(DType::float64).values() == Values{1, 2});
    REQUIRE(tangent_of(both).values() == Values{3, -4});
    REQUIRE(error_of([] {
                with_tangent(vector({1, 2}), vector({3}));
            }) == "[with_tangent] the tangent of float64 [2] on cpu must have its shape, got float64 [1] on cpu");
    REQUIRE(error_of([] { tangent_of(vector({1})); }) ==
            "[tensor] asked for dual elements on cpu of float64 [1] on cpu");
}

TEST_CASE("a Jacobian's product with a vector, worked by hand") {
    // d x^3 along v is 3 x^2 v.
    REQUIRE(jacobian_vector_product(cubes, {vector({1, -2, 3})}, {vector({1, 1, 2})}).values() == Values{3, 12, 54});
    // d sum x^2 y = 2 x y dx + x^2 dy
    const Tensors in{vector({1, 2}), vector({3, 5})};
    REQUIRE(jacobian_vector_product(mixed, in, {vector({1, 1}), vector({1, -1})}).values() ==
            Values{2 * 3 + 1 + 4 * 5 - 4});
    REQUIRE(jacobian_vector_product(mixed, in, {vector({1, 1}), {}}).values() == Values{2 * 3 + 4 * 5});
    REQUIRE(jacobian_vector_product(mixed, in, {{}, {}}).values() == Values{0});
}

TEST_CASE("a Hessian's product with a vector, worked by hand") {
    // The Hessian of sum x^3 is diagonal, 6 x.
    const Tensors cubic = hessian_vector_product(sum_of_cubes, {vector({1, -2, 3})}, {vector({1, 1, 2})});
    REQUIRE(cubic[0].values() == Values{6, -12, 36});
    REQUIRE(cubic[0].dtype() == DType::float64);
    // With a cotangent c it is of sum c x^3.
    REQUIRE(hessian_vector_product(cubes, {vector({1, -2, 3})}, {vector({1, 1, 2})}, vector({1, 10, 0}))[0].values() ==
            Values{6, -120, 0});
    // The gradient of sum x^2 y is (2 x y, x^2); along (v, w): (2 v y + 2 x w, 2 x v).
    const Tensors in{vector({1, 2}), vector({3, 5})};
    const Tensors product = hessian_vector_product(mixed, in, {vector({1, -1}), vector({7, 11})});
    REQUIRE(product[0].values() == Values{2 * 3 + 2 * 7, -2 * 5 + 4 * 11});
    REQUIRE(product[1].values() == Values{2, -4});
}

TEST_CASE("forward mode leaves the caller's tensors and tape as they are, and integers constant") {
    Tensor x = vector({1, 2, 3, 4}).view({2, 2});
    require_gradient(x, "x");
    const Tensor labels = Tensor::from({2}, std::vector<int64_t>{1, 0});
    const Function loss = [](const Tensors& in) { return cross_entropy(in[0], in[1]); };
    Tape tape;
    const Tensor slope = jacobian_vector_product(loss, {x, labels}, {vector({1, 0, 0, 1}).view({2, 2}), {}});
    const Tensors product = hessian_vector_product(loss, {x, labels}, {vector({1, 0, 0, 1}).view({2, 2}), {}});
    REQUIRE(tape.size() == 0);
    REQUIRE_FALSE(gradient(x).defined());
    REQUIRE_FALSE(product[1].defined());
    // A row of softmax is p, 1 - p with p = 1 / (1 + e): H of the loss of two rows is (diag(p) - p p^T) / 2.
    const double p = 1 / (1 + std::exp(1.0)), pq = p * (1 - p);
    REQUIRE(slope.item() == Approx((p + (1 - p)) / 2).epsilon(1e-14));
    const Values expected{pq / 2, -pq / 2, -pq / 2, pq / 2};
    for (size_t i = 0; i < 4; ++i) REQUIRE(product[0].values()[i] == Approx(expected[i]).epsilon(1e-14));
}

TEST_CASE("the Hessian of what does not depend on an input, or only linearly, is 0") {
    const Function first = [](const Tensors& in) { return scale(sum(in[0]), 3); };
    const Tensors product = hessian_vector_product(first, {vector({1, 2}), vector({3})}, {vector({1, 1}), vector({1})});
    REQUIRE(product[0].values() == Values{0, 0});
    REQUIRE(product[1].values() == Values{0});
}

TEST_CASE("forward mode goes through a checkpoint, and through dropout as it was drawn") {
    const Function inner = [](const Tensors& in) { return dropout(cubes(in), 0.5, Random{4, 2}); };
    const Function replayed = [&](const Tensors& in) { return sum(checkpoint(inner, in)); };
    const Function straight = [&](const Tensors& in) { return sum(inner(in)); };
    const Tensors x{random_tensor({40}, Random{1, 1})}, v{random_tensor({40}, Random{1, 2})};
    REQUIRE(hessian_vector_product(replayed, x, v)[0].values() == hessian_vector_product(straight, x, v)[0].values());
    REQUIRE(jacobian_vector_product(replayed, x, v).item() == jacobian_vector_product(straight, x, v).item());
}

TEST_CASE("what is no direction, and what leaves dual numbers, is refused in a line") {
    const Tensor x = vector({1, 2});
    const auto of = [&](const Function& f, const Tensors& in, const Tensors& v) {
        return error_of([&] { jacobian_vector_product(f, in, v); });
    };
    REQUIRE(of(cubes, {x}, {}) == "[jacobian_vector_product] 1 inputs need as many directions, got 0");
    REQUIRE(of(cubes, {x}, {vector({1})}) ==
            "[jacobian_vector_product] input 0 is float64 [2] on cpu, so its direction cannot be float64 [1] on cpu");
    REQUIRE(of(cubes, {x.to(DType::float32)}, {x}) ==
            "[jacobian_vector_product] input 0 is float32 [2] on cpu, so its direction cannot be float64 [2] on cpu");
    REQUIRE(of(cubes, {x.on(Device::cuda)}, {x}) ==
            "[jacobian_vector_product] input 0 must be on the CPU, got float64 [2] on cuda");
    REQUIRE(of([](const Tensors& in) { return in[0].to(DType::float64); }, {x}, {x}) ==
            "[jacobian_vector_product] the function must keep to the dtype of its inputs: of dual numbers it made "
            "float64 [2] on cpu");
    REQUIRE(of([&](const Tensors& in) { return add(in[0], x); }, {x}, {x}) ==
            "[add] expects one dtype, got dual and float64");
    REQUIRE(error_of([&] { hessian_vector_product(cubes, {x}, {x}); }) ==
            "[backward] a [2] output needs a cotangent of the same shape");
    REQUIRE(error_of([&] {
                hessian_vector_product(cubes, {x}, {x, x});
            }) == "[hessian_vector_product] 1 inputs need as many directions, got 2");
}
