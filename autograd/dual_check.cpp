#include "autograd/dual_check.h"

#include "autograd/forward_mode.h"
#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

// How far two exact ways to one number may be apart, relative to what was added up. Rounding grows with each
// derivative, most in an attention whose scores are a hundred times a cosine: there 1e-12 and 4e-9 are the most of 200
// random inputs.
constexpr double to_first_order = 1e-11, to_second_order = 1e-8;
constexpr double by_difference = 1e-6;

Tensor moved(const Tensor& x, const Tensor& v, double t) {
    const Tensor there = x.clone();
    for (int64_t k = 0; k < x.numel(); ++k) there.data<double>()[k] += t * v.data<double>()[k];
    return there;
}

struct Sum {
    double sum = 0, magnitudes = 0;
};
Sum product(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    Sum all;
    for (size_t i = 0; i < a.size(); ++i) {
        if (!a[i].defined() || !b[i].defined()) continue;
        for (int64_t k = 0; k < a[i].numel(); ++k) {
            const double term = a[i].data<double>()[k] * b[i].data<double>()[k];
            all.sum += term;
            all.magnitudes += std::abs(term);
        }
    }
    return all;
}
// Infinite where one is not a number.
double distance(const Sum& a, const Sum& b) {
    const double error = std::abs(a.sum - b.sum), size = a.magnitudes + b.magnitudes;
    return !std::isfinite(error) ? INFINITY : error == 0 ? 0 : error / size;
}

double largest_of(const std::vector<Tensor>& tensors) {
    double largest = 0;
    for (const Tensor& tensor : tensors)
        if (tensor.defined())
            for (const double value : tensor.span<double>()) largest = std::max(largest, std::abs(value));
    return largest;
}

struct Place {
    double error = 0;  // of the element at `place` of input number `input`
    size_t input = 0;
    int64_t element = 0;
    double exact = 0, difference = 0;
};

using Gradient = std::function<std::vector<Tensor>(double t)>;  // at x + t v

// H v against a difference of gradients: 2/3 (g(h) - g(-h)) - 1/12 (g(2h) - g(-2h)), over h, in which the third
// derivatives cancel.
Place farthest(const Gradient& gradient, const std::vector<Tensor>& v, const std::vector<Tensor>& H_v, double h) {
    const std::vector<Tensor> at[] = {gradient(-2 * h), gradient(-h), gradient(h), gradient(2 * h)};
    constexpr double factors[] = {1.0 / 12, -2.0 / 3, 2.0 / 3, -1.0 / 12};
    Place worst;
    for (size_t i = 0; i < v.size(); ++i) {
        if (!v[i].defined() || !at[0][i].defined()) continue;
        for (int64_t k = 0; k < v[i].numel(); ++k) {
            const double exact = H_v[i].data<double>()[k];
            double difference = 0;
            for (int n = 0; n < 4; ++n) difference += factors[n] / h * at[n][i].data<double>()[k];
            double error = std::abs(exact - difference);
            if (!std::isfinite(error)) error = INFINITY;
            if (error > worst.error) worst = {error, i, k, exact, difference};
        }
    }
    return worst;
}

// Of each float64 input, by the options' device and through `mutate`; on the CPU. Undefined where nothing was returned.
std::vector<Tensor> gradient_of(const Function& function, const std::vector<Tensor>& inputs, const Tensor& cotangent,
                                const GradcheckOptions& options) {
    std::vector<Tensor> leaves, gradients(inputs.size());
    for (const Tensor& input : inputs) {
        const bool there = input.device() == options.device;
        leaves.push_back(there ? input.clone() : input.on(options.device));
        if (input.dtype() == DType::float64) require_gradient(leaves.back());
    }
    Tape tape;
    tape.after_backward = options.mutate;
    const Tensor y = function(leaves);
    tape.backward(y, cotangent.on(y.device()));
    for (size_t i = 0; i < leaves.size(); ++i)
        if (leaves[i].autograd())
            if (const Tensor g = gradient(leaves[i]); g.defined()) gradients[i] = g.on_cpu();
    return gradients;
}

void check_first_order(const std::vector<Tensor>& v, const Tensor& slope, const Tensor& cotangent,
                       const std::vector<Tensor>& g, const std::string& op, DualErrors& errors) {
    const Sum forward = product({cotangent}, {slope}), backward = product(g, v);
    errors.first = distance(forward, backward);
    if (errors.first > to_first_order)
        errors.report = fmt::format(
            "{}: wrong gradient: its slope along a direction is {:+.15e}, by dual numbers {:+.15e}: {:.1e} of "
            "the terms apart (allowed: {:.0e})",
            op, backward.sum, forward.sum, errors.first, to_first_order);
}

void check_second_order(const Function& function, const std::vector<Tensor>& inputs, const std::vector<Tensor>& v,
                        const std::vector<Tensor>& u, const Tensor& cotangent, const std::vector<Tensor>& g,
                        const GradcheckOptions& options, const std::string& op, DualErrors& errors) {
    const std::vector<Tensor> along_v = hessian_vector_product(function, inputs, v, cotangent),
                              along_u = hessian_vector_product(function, inputs, u, cotangent);
    const Gradient gradient_at = [&](double t) {
        std::vector<Tensor> there = inputs;
        for (size_t i = 0; i < inputs.size(); ++i)
            if (v[i].defined()) there[i] = moved(inputs[i], v[i], t);
        return gradient_of(function, there, cotangent, options);
    };
    const double size = std::max(largest_of(along_v), largest_of(g));
    // The first step that agrees counts: a long one is exact but for kinks and bends nearby, a short one rounds off
    // more.
    Place worst = {.error = INFINITY};
    for (const double step : {100.0, 1.0, 0.01}) {
        const Place one = farthest(gradient_at, v, along_v, step * options.eps);
        if (one.error < worst.error) worst = one;
        if (worst.error <= by_difference * size) break;
    }
    errors.second = worst.error > 0 ? worst.error / size : 0;
    const Sum u_H_v = product(u, along_v), v_H_u = product(v, along_u);
    errors.asymmetry = distance(u_H_v, v_H_u);
    if (errors.second > by_difference)
        errors.report = fmt::format(
            "{}: wrong second derivative, worst at element {} of input {} {}: H v is {:+.12e} by dual numbers, "
            "{:+.12e} by a difference of gradients: {:.1e} of the largest apart (allowed: {:.0e})",
            op, worst.element, worst.input, inputs[worst.input].shape(), worst.exact, worst.difference, errors.second,
            by_difference);
    else if (errors.asymmetry > to_second_order)
        errors.report = fmt::format(
            "{}: the second derivative is not symmetric: u H v is {:+.15e}, v H u {:+.15e}: {:.1e} of the terms apart "
            "(allowed: {:.0e})",
            op, u_H_v.sum, v_H_u.sum, errors.asymmetry, to_second_order);
}

}  // namespace

DualErrors dual_check(const Function& function, const std::vector<Tensor>& inputs, const Tensor& cotangent,
                      const std::vector<Tensor>& g, const GradcheckOptions& options, const std::string& op) {
    GradcheckOptions as_they_are = options;
    as_they_are.mutate = {};
    const std::vector<Tensor> v = random_direction(inputs, {options.seed, 0xD0A1}),
                              u = random_direction(inputs, {options.seed, 0xD0A2});
    DualErrors errors;
    std::vector<Tensor> here;
    for (const Tensor& input : inputs) here.push_back(input.on_cpu());
    check_first_order(v, jacobian_vector_product(function, here, v), cotangent, g, op, errors);
    if (errors.report.empty()) check_second_order(function, here, v, u, cotangent, g, as_they_are, op, errors);
    return errors;
}

DualErrors dual_check(const Function& function, const std::vector<Tensor>& inputs, const GradcheckOptions& options,
                      const std::string& op) {
    const NoGrad no_recording;
    const Tensor cotangent = random_tensor(function(inputs).shape(), Random{options.seed, 0xC07A}.split(1));
    return dual_check(function, inputs, cotangent, gradient_of(function, inputs, cotangent, options), options, op);
}

}  // namespace swingrad
