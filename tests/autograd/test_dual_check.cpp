#include "autograd/dual_check.h"

#include "autograd/gradcheck.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Tensors = std::vector<Tensor>;

// y_i = x_i^3 by operations that are right, and dx_i = dy_i times what `slope` makes of x.
struct CubeNode final : Node {
    Tensor x;
    Tensor (*slope)(const Tensor&);
    std::string_view name() const override { return "cube"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {multiply(dy, slope(x))}; }
};
Tensor cube(const Tensor& x, Tensor (*slope)(const Tensor&)) {
    auto node = std::make_unique<CubeNode>();
    node->x = x.detached();
    node->slope = slope;
    const Tensor y = multiply(node->x, multiply(node->x, node->x));
    return record(std::move(node), {x}, y);
}

Tensor right(const Tensor& x) { return scale(multiply(x, x), 3); }
// Off by 1e-10 of the slope, which no difference shows.
Tensor a_little_off(const Tensor& x) { return scale(multiply(x, x), 3 * (1 + 1e-10)); }
// The right values, without their tangents: as a loop would have them that computes by way of another type.
Tensor without_tangent(const Tensor& x) { return right(x.to(DType::float64)).to(x.dtype()); }

const Tensor x0 = random_tensor({2, 3, 5}, Random{8, 1}, 1.0, 4.0);

DualErrors checked(Tensor (*slope)(const Tensor&), const GradcheckOptions& options = {}) {
    return dual_check([=](const Tensors& in) { return cube(in[0], slope); }, {x0}, options, "cube");
}

}  // namespace

TEST_CASE("a right gradient agrees with dual numbers, to the second order") {
    const DualErrors errors = checked(right);
    REQUIRE(errors.report.empty());
    REQUIRE(errors.first < 1e-14);
    REQUIRE(errors.second > 0);  // a difference is never exact
    REQUIRE(errors.second < 1e-8);
    REQUIRE(errors.asymmetry < 1e-14);
}

TEST_CASE("dual numbers notice what no difference shows: a gradient that is off by 1e-10") {
    const Function f = [](const Tensors& in) { return cube(in[0], a_little_off); };
    REQUIRE(gradcheck(f, {x0}, {}, "cube").ok);
    const DualErrors errors = checked(a_little_off);
    REQUIRE(errors.report.starts_with("cube: wrong gradient: its slope along a direction is "));
    REQUIRE(errors.report.ends_with(" of the terms apart (allowed: 1e-11)"));
    REQUIRE(errors.first > 1e-11);
}

TEST_CASE("gradcheck asks dual numbers too where it is told to") {
    const Function f = [](const Tensors& in) { return cube(in[0], a_little_off); };
    GradcheckOptions options;
    options.second_order = true;
    const GradcheckResult result = gradcheck(f, {x0}, options, "cube");
    REQUIRE_FALSE(result.ok);
    REQUIRE(result.report.starts_with("cube: wrong gradient: its slope along a direction is "));
    const GradcheckResult good = gradcheck([](const Tensors& in) { return cube(in[0], right); }, {x0}, options, "cube");
    REQUIRE(good.ok);
    REQUIRE(good.dual.second > 0);
}

TEST_CASE("a backward pass that loses its tangents is noticed by the second order") {
    const DualErrors errors = checked(without_tangent);
    REQUIRE(errors.first < 1e-14);  // the gradient itself is right
    REQUIRE(errors.report.starts_with("cube: wrong second derivative, worst at element "));
    REQUIRE(contains(errors.report, " of input 0 [2, 3, 5]: H v is +0.000000000000e+00 by dual numbers, "));
}

TEST_CASE("a gradient that is no number, and a mutated one, are noticed by dual numbers") {
    GradcheckOptions options;
    options.mutate = [](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
        gradients[0].data<double>()[7] = NAN;
    };
    REQUIRE(std::isinf(checked(right, options).first));
    REQUIRE_FALSE(checked(right, options).report.empty());
    options.mutate = [](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
        gradients[0].data<double>()[7] *= 1 + 1e-7;
    };
    REQUIRE_FALSE(checked(right, options).report.empty());
}

TEST_CASE("a field that is no gradient of anything is not symmetric") {
    // dx = (x_1^2, x_0 x_1): backward is wrong, so the gradient is given as what it says, and only symmetry can notice.
    struct TwistedNode final : Node {
        Tensor x;
        std::string_view name() const override { return "twisted"; }
        std::vector<Tensor> backward(const Tensor&, const NeedsInputGrad&) override {
            const Tensor a = slice(x, 0, 0, 1), b = slice(x, 0, 1, 2);
            return {concat({multiply(b, b), multiply(a, b)}, 0)};
        }
    };
    const Function twisted = [](const Tensors& in) {
        auto node = std::make_unique<TwistedNode>();
        node->x = in[0].detached();
        return record(std::move(node), {in[0]}, Tensor::zeros({}, in[0].dtype()));
    };
    // Of a value that is constant, J v is 0: the gradient to compare it with is given as 0.
    const Tensor x = Tensor::from({2}, std::vector<double>{2, 3}), one = Tensor::from({}, std::vector<double>{1});
    const DualErrors errors = dual_check(twisted, {x}, one, {Tensor::zeros({2}, DType::float64)}, {}, "twisted");
    REQUIRE(errors.first == 0);
    REQUIRE(errors.second < 1e-6);
    REQUIRE(errors.report.starts_with("twisted: the second derivative is not symmetric: u H v is "));
}

TEST_CASE("a linear function has no second derivative, and a kink within the step is stepped around") {
    const DualErrors linear = dual_check([](const Tensors& in) { return scale(in[0], 3); }, {x0}, {}, "scale");
    REQUIRE(linear.report.empty());
    REQUIRE(linear.second < 1e-9);
    REQUIRE(linear.asymmetry == 0);
    const Tensor near = Tensor::from({3}, std::vector<double>{1, 2e-8, -1});
    const DualErrors kinked =
        dual_check([](const Tensors& in) { return multiply(relu(in[0]), in[0]); }, {near}, {}, "kinked");
    INFO(kinked.report);
    REQUIRE(kinked.report.empty());
}
