#include "autograd/gradcheck.h"

#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// y_i = x_i^3 and, if `indices` are given, only those rows of x; dx is computed by `slope` from x and dy.
struct CubeNode final : Node {
    Tensor x;
    std::function<double(int64_t, double)> slope;
    std::string_view name() const override { return "cube"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        Tensor dx = Tensor::empty(x.shape(), x.dtype());
        for (int64_t i = 0; i < x.numel(); ++i)
            dx.data<double>()[i] = dy.data<double>()[i] * slope(i, x.data<double>()[i]);
        return {dx};
    }
};
Tensor cube(const Tensor& x, std::function<double(int64_t, double)> slope) {
    Tensor y = Tensor::empty(x.shape(), x.dtype());
    for (int64_t i = 0; i < x.numel(); ++i) y.data<double>()[i] = std::pow(x.data<double>()[i], 3);
    auto node = std::make_unique<CubeNode>();
    node->x = x.detached();
    node->slope = std::move(slope);
    return record(std::move(node), {x}, y);
}

double right(int64_t, double x) { return 3 * x * x; }
const Tensor x0 = random_tensor({2, 3, 5}, Random{8, 1}, 1.0, 4.0);

}  // namespace

TEST_CASE("a right gradient passes, every element counted, the caller's tensors untouched") {
    const Tensor x = x0.clone();
    const auto result = gradcheck([](const std::vector<Tensor>& in) { return cube(in[0], right); }, {x}, {}, "cube");
    INFO(result.report);
    REQUIRE(result.ok);
    REQUIRE(result.report.empty());
    REQUIRE(result.elements == 30);
    REQUIRE(result.worst_error < 1e-6);
    REQUIRE(result.worst_error > 0);
    REQUIRE(x.values() == x0.values());
    REQUIRE(x.autograd() == nullptr);
}

TEST_CASE("one wrong element is found and named, with the numeric value at several steps") {
    const auto slope = [](int64_t i, double x) { return right(i, x) * (i == 23 ? 1.01 : 1); };
    const auto result = gradcheck([&](const std::vector<Tensor>& in) { return cube(in[0], slope); }, {x0}, {}, "cube");
    INFO(result.report);
    REQUIRE_FALSE(result.ok);
    REQUIRE(
        result.report.starts_with("cube: wrong gradient, worst at element [1, 1, 3] of input 0 [2, 3, 5]: analytic "));
    REQUIRE(result.report.find("0.0 % of all gradients are exactly zero") != std::string::npos);
    for (const char* eps : {"1e-08", "1e-07", "1e-06", "1e-05", "1e-04", "1e-03"})
        REQUIRE(result.report.find(fmt::format("\n    eps {}: numeric ", eps)) != std::string::npos);
}

TEST_CASE("a gradient that is not a number fails") {
    const auto slope = [](int64_t i, double x) { return i == 7 ? NAN : right(i, x); };
    const auto result = gradcheck([&](const std::vector<Tensor>& in) { return cube(in[0], slope); }, {x0}, {}, "cube");
    REQUIRE_FALSE(result.ok);
    REQUIRE(result.report.find("element [0, 1, 2] of input 0") != std::string::npos);
    REQUIRE(std::isinf(result.worst_error));
    REQUIRE(std::isinf(result.worst_relative));
}

TEST_CASE("a check in which every gradient is zero proves nothing and fails") {
    // x^3 at 0: analytic and numeric agree, both exactly zero up to eps^2.
    const auto result = gradcheck([](const std::vector<Tensor>& in) { return cube(in[0], right); },
                                  {Tensor::zeros({4}, DType::float64)}, {}, "cube");
    REQUIRE_FALSE(result.ok);
    REQUIRE(result.report == "cube: vacuous, all 4 gradients are exactly zero");
}

TEST_CASE("an input that receives no gradient fails") {
    const auto result =
        gradcheck([](const std::vector<Tensor>& in) { return cube(in[0], right); }, {x0, x0}, {}, "cube");
    REQUIRE_FALSE(result.ok);
    REQUIRE(result.report == "cube: input 1 [2, 3, 5] received no gradient");
}

TEST_CASE("inputs of integers are constants") {
    const Tensor labels = Tensor::from({2}, std::vector<int64_t>{1, 0});
    const auto result = gradcheck(
        [](const std::vector<Tensor>& in) {
            check(in[1].autograd() == nullptr && in[1].data<int64_t>()[0] == 1, "[test] labels changed");
            return cube(in[0], right);
        },
        {x0, labels}, {}, "cube");
    INFO(result.report);
    REQUIRE(result.ok);
    REQUIRE(result.elements == 30);
}

TEST_CASE("a function that leaves double precision is refused") {
    REQUIRE(error_of([] {
                gradcheck([](const std::vector<Tensor>& in) { return in[0].to(DType::float32); }, {x0}, {}, "narrow");
            }) == "[gradcheck] narrow must return float64, got float32 [2, 3, 5] on cpu");
}

TEST_CASE("a function that gives two results is said to be not deterministic, not to have a wrong gradient") {
    double shift = 0;
    const auto moving = gradcheck(
        [&](const std::vector<Tensor>& in) {
            const Tensor y = cube(in[0], right);
            y.data<double>()[0] += shift += 0.5;
            return y;
        },
        {x0}, {}, "moving");
    REQUIRE(moving.report == "moving: not deterministic: two calls with the same inputs differ");
}

TEST_CASE("a kink nearby is stepped around, and one at the place is named") {
    struct AbsNode final : Node {
        Tensor x;
        std::string_view name() const override { return "abs"; }
        std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
            Tensor dx = Tensor::empty(x.shape(), x.dtype());
            for (int64_t i = 0; i < x.numel(); ++i)
                dx.data<double>()[i] = x.data<double>()[i] > 0 ? dy.data<double>()[i] : -dy.data<double>()[i];
            return {dx};
        }
    };
    const Function absolute = [](const std::vector<Tensor>& in) {
        Tensor y = in[0].clone();
        for (double& value : y.span<double>()) value = std::abs(value);
        auto node = std::make_unique<AbsNode>();
        node->x = in[0].detached();
        return record(std::move(node), {in[0]}, y.detached());
    };
    const auto near = gradcheck(absolute, {Tensor::from({2}, std::vector<double>{1, 2e-7})}, {}, "absolute");
    INFO(near.report);
    REQUIRE(near.ok);
    REQUIRE(near.near_kinks == 1);
    const auto at = gradcheck(absolute, {Tensor::from({2}, std::vector<double>{1, 0})}, {}, "absolute");
    REQUIRE_FALSE(at.ok);
    REQUIRE(at.report.find(", at a kink: from below the slope is ") != std::string::npos);
}

TEST_CASE("the fast mode goes along random directions, and notices one wrong element of many") {
    const Tensor large = random_tensor({40, 50}, Random{8, 2}, 1.0, 4.0);
    GradcheckOptions options;
    options.directions = 3;
    options.rtol = 1e-6;  // one element of many is a small part of a slope
    const auto good = gradcheck([](const std::vector<Tensor>& in) { return cube(in[0], right); }, {large}, options);
    INFO(good.report);
    REQUIRE(good.ok);
    REQUIRE(good.elements == 3);
    const auto slope = [](int64_t i, double x) { return right(i, x) * (i == 1234 ? 1.5 : 1); };
    const auto bad = gradcheck([&](const std::vector<Tensor>& in) { return cube(in[0], slope); }, {large}, options);
    REQUIRE_FALSE(bad.ok);
    REQUIRE(bad.report.find("worst along direction ") != std::string::npos);
}

TEST_CASE("a random direction has length 1 over all inputs of float64") {
    const std::vector<Tensor> inputs{Tensor::zeros({3, 4}, DType::float64), Tensor::zeros({2}, DType::int64),
                                     Tensor::zeros({5}, DType::float64)};
    const std::vector<Tensor> v = random_direction(inputs, Random{1, 2});
    REQUIRE(v.size() == 3);
    REQUIRE_FALSE(v[1].defined());
    double squares = 0;
    for (const size_t i : {0, 2}) {
        REQUIRE(v[i].shape() == inputs[i].shape());
        for (const double value : v[i].values()) squares += value * value;
    }
    REQUIRE(squares == Approx(1).epsilon(1e-12));
    REQUIRE(random_direction(inputs, Random{1, 3})[0].values() != v[0].values());
}

TEST_CASE("what mutate does to a gradient is noticed") {
    GradcheckOptions options;
    options.mutate = [](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
        gradients[0].data<double>()[29] += 1;
    };
    const auto result =
        gradcheck([](const std::vector<Tensor>& in) { return cube(in[0], right); }, {x0}, options, "cube");
    REQUIRE_FALSE(result.ok);
    REQUIRE(result.report.find("element [1, 2, 4] of input 0") != std::string::npos);
}
