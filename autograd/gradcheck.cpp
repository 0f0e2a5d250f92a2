#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace swingrad {
namespace {

double weighted_sum(const Tensor& y, const Tensor& cotangent) {
    const Tensor values_here = y.on_cpu();
    const double *values = values_here.data<double>(), *weights = cotangent.data<double>();
    double sum = 0;
    for (int64_t i = 0; i < y.numel(); ++i) sum += weights[i] * values[i];
    return sum;
}

// Moves an input, which may live on a device, along a line: move(t) makes it x + t u. u is a unit vector: one
// element's, or a random direction.
using Line = std::function<void(double t)>;

Line along_element(const Tensor& input, int64_t index) {
    DeviceMemory& memory = memory_of(input.device());
    void* address = input.subrange(index, {1}).address();
    double x = 0;
    memory.copy_to_host(&x, address, sizeof x);
    return [&memory, address, x](double t) {
        const double moved = x + t;
        memory.copy_from_host(address, &moved, sizeof moved);
    };
}

Line along(const Tensor& input, const Tensor& direction) {
    return [input, direction, x = input.on_cpu().clone()](double t) {
        const Tensor moved = x.clone();
        for (int64_t i = 0; i < x.numel(); ++i) moved.data<double>()[i] += t * direction.data<double>()[i];
        input.copy_from(moved.on(input.device()));
    };
}

// (f(x + eps u) - f(x - eps u)) / 2 eps; x is put back as it was.
double central_difference(const Function& function, const std::vector<Tensor>& inputs, const Line& line, double eps,
                          const Tensor& cotangent) {
    const NoGrad no_recording;
    line(eps);
    const double above = weighted_sum(function(inputs), cotangent);
    line(-eps);
    const double below = weighted_sum(function(inputs), cotangent);
    line(0);
    return (above - below) / (2 * eps);
}

// "[1, 2, 0]" for the element at a flat position.
std::string index_text(const Shape& shape, int64_t flat) {
    std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
    for (int axis = shape.rank(); axis-- > 0;) {
        index[static_cast<size_t>(axis)] = flat % shape[axis];
        flat /= shape[axis];
    }
    return Shape(index).text();
}

// The numeric value at other steps: rounding dominates on the left, the third derivative on the right, and in
// between the values of a smooth function agree.
std::string sweep(const Function& function, const std::vector<Tensor>& inputs, const Line& line, double analytic,
                  const Tensor& cotangent) {
    std::string lines;
    for (double eps : {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3}) {
        const double numeric = central_difference(function, inputs, line, eps, cotangent);
        lines += fmt::format("\n    eps {:.0e}: numeric {:+.12e}, difference {:.2e}", eps, numeric,
                             std::abs(analytic - numeric));
    }
    return lines;
}

struct Worst {
    double excess = -1;  // |analytic - numeric| over what is allowed
    size_t input = 0;
    int64_t place = 0;  // element, or number of the direction
    double analytic = 0, numeric = 0;
    Line line;
};

std::string wrong_gradient(const std::string& op, const Worst& worst, const Shape& shape,
                           const GradcheckOptions& options, double zero_share) {
    const std::string place = options.directions > 0 ? fmt::format("along direction {}", worst.place)
                                                     : "at element " + index_text(shape, worst.place);
    return fmt::format(
        "{}: wrong gradient, worst {} of input {} {}: analytic {:+.12e}, numeric {:+.12e}, difference "
        "{:.2e} (allowed: atol {:.0e} + rtol {:.0e} of the numeric); {:.1f} % of all gradients are exactly zero",
        op, place, worst.input, shape, worst.analytic, worst.numeric, std::abs(worst.analytic - worst.numeric),
        options.atol, options.rtol, zero_share);
}

// |analytic - numeric| over what is allowed.
double excess_of(const GradcheckOptions& options, double analytic, double numeric) {
    const double error = std::abs(analytic - numeric);
    return std::isfinite(error) ? error / (options.atol + options.rtol * std::abs(numeric)) : INFINITY;
}

// Where input number i is moved to be checked the place-th time, and what its gradient `analytic` says of that line.
std::pair<Line, double> line_of(const GradcheckOptions& options, size_t i, const Tensor& input, const Tensor& analytic,
                                int64_t place) {
    if (options.directions == 0) return {along_element(input, place), analytic.data<double>()[place]};
    const Random random = Random{options.seed, 0xD12}.split(i).split(static_cast<uint64_t>(place));
    const Tensor u = random_direction({input}, random)[0];
    return {along(input, u), weighted_sum(analytic, u)};
}

// ", at a kink: ..." where the slopes on either side of x stay apart however small the step.
std::string kink_text(const Function& function, const std::vector<Tensor>& inputs, const Line& line,
                      const Tensor& cotangent) {
    const NoGrad no_recording;
    const auto value_at = [&](double t) {
        line(t);
        const double value = weighted_sum(function(inputs), cotangent);
        line(0);
        return value;
    };
    const double here = value_at(0);
    const auto gap = [&](double eps) { return (value_at(eps) + value_at(-eps) - 2 * here) / eps; };
    const double wide = gap(1e-3), narrow = gap(1e-5);  // of a smooth function, the second is a hundredth of the first
    if (!(std::abs(narrow) > 1e-4) || std::abs(narrow) < 0.5 * std::abs(wide)) return "";
    return fmt::format(", at a kink: from below the slope is {:+.6e}, from above {:+.6e}",
                       (here - value_at(-1e-5)) / 1e-5, (value_at(1e-5) - here) / 1e-5);
}

bool same_twice(const Function& function, const std::vector<Tensor>& inputs) {
    const NoGrad no_recording;
    const std::vector<double> once = function(inputs).values(), again = function(inputs).values();
    return std::equal(once.begin(), once.end(), again.begin(), again.end(),
                      [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); });
}

}  // namespace

GradcheckResult gradcheck(const Function& function, const std::vector<Tensor>& inputs, const GradcheckOptions& options,
                          const std::string& op) {
    // Leaves of our own, so that the caller's tensors stay as they are.
    std::vector<Tensor> leaves;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const bool there = inputs[i].device() == options.device;
        leaves.push_back(there ? inputs[i].clone() : inputs[i].on(options.device));
        if (inputs[i].dtype() == DType::float64) require_gradient(leaves[i], fmt::format("input {}", i));
    }

    GradcheckResult result;
    Tensor cotangent;
    {
        Tape tape;
        tape.after_backward = options.mutate;
        const Tensor y = function(leaves);
        check(y.dtype() == DType::float64, "[gradcheck] {} must return float64, got {}", op, y);
        cotangent = random_tensor(y.shape(), Random{options.seed, 0xC07A}.split(1));
        tape.backward(y, cotangent.on(y.device()));
    }

    if (!same_twice(function, leaves)) {
        result.report = fmt::format("{}: not deterministic: two calls with the same inputs differ", op);
        return result;
    }

    Worst worst;
    std::vector<Tensor> gradients(leaves.size());
    int64_t zeros = 0;
    for (size_t i = 0; i < leaves.size(); ++i) {
        if (leaves[i].dtype() != DType::float64) continue;
        Tensor analytic = gradient(leaves[i]);
        if (!analytic.defined()) {
            result.report = fmt::format("{}: input {} {} received no gradient", op, i, inputs[i].shape());
            return result;
        }
        gradients[i] = analytic = analytic.on_cpu();
        double largest = 0, worst_here = 0;
        const int64_t places = options.directions > 0 ? options.directions : leaves[i].numel();
        for (int64_t place = 0; place < places; ++place) {
            const auto [line, a] = line_of(options, i, leaves[i], analytic, place);
            double n = central_difference(function, leaves, line, options.eps, cotangent);
            if (excess_of(options, a, n) > 1) {  // a kink within the step?
                const double closer = central_difference(function, leaves, line, options.eps / 100, cotangent);
                if (excess_of(options, a, closer) <= 1) n = closer, ++result.near_kinks;
            }
            const double excess = excess_of(options, a, n);
            if (excess > worst.excess) worst = {excess, i, place, a, n, line};
            // A NaN would be lost in max().
            worst_here = std::max(worst_here, std::isfinite(a - n) ? std::abs(a - n) : INFINITY);
            largest = std::max(largest, std::abs(n));
            zeros += a == 0;
            ++result.elements;
        }
        result.worst_error = std::max(result.worst_error, worst_here);
        if (largest > 0) result.worst_relative = std::max(result.worst_relative, worst_here / largest);
    }

    const double zero_share =
        result.elements ? 100.0 * static_cast<double>(zeros) / static_cast<double>(result.elements) : 100.0;
    if (zeros == result.elements) {
        result.report = fmt::format("{}: vacuous, all {} gradients are exactly zero", op, result.elements);
    } else if (worst.excess > 1) {
        result.report = wrong_gradient(op, worst, inputs[worst.input].shape(), options, zero_share) +
                        kink_text(function, leaves, worst.line, cotangent) +
                        sweep(function, leaves, worst.line, worst.analytic, cotangent);
    }
    if (result.report.empty() && options.second_order) {
        result.dual = dual_check(function, inputs, cotangent, gradients, options, op);
        result.report = result.dual.report;
    }
    result.ok = result.report.empty();
    return result;
}

namespace {
std::vector<GradientCase>& declared_cases() {
    static std::vector<GradientCase> cases;
    return cases;
}
}  // namespace

DeclareGradientCase::DeclareGradientCase(GradientCase declared) { declared_cases().push_back(std::move(declared)); }

std::vector<GradientCase> gradient_cases() {
    auto cases = declared_cases();
    std::sort(cases.begin(), cases.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return cases;
}

Tensor constant_like(const Tensor& x, const Shape& shape, const std::vector<double>& values) {
    return Tensor::from(shape, values).to(x.dtype()).on(x.device());
}

Tensor random_tensor(const Shape& shape, Random random, double scale, double offset) {
    Tensor tensor = Tensor::empty(shape, DType::float64);
    for (int64_t i = 0; i < tensor.numel(); ++i)
        tensor.data<double>()[i] = offset + scale * random.normal(static_cast<uint64_t>(i));
    return tensor;
}

std::vector<Tensor> random_direction(const std::vector<Tensor>& inputs, Random random) {
    std::vector<Tensor> v(inputs.size());
    double squares = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i].dtype() != DType::float64) continue;
        v[i] = random_tensor(inputs[i].shape(), random.split(i));
        for (const double value : v[i].span<double>()) squares += value * value;
    }
    for (const Tensor& tensor : v)
        if (tensor.defined())
            for (double& value : tensor.span<double>()) value /= std::sqrt(squares);
    return v;
}

}  // namespace swingrad
