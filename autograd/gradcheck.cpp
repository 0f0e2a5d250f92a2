#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

double weighted_sum(const Tensor& y, const Tensor& cotangent) {
    const Tensor values_here = y.on_cpu();
    const double *values = values_here.data<double>(), *weights = cotangent.data<double>();
    double sum = 0;
    for (int64_t i = 0; i < y.numel(); ++i) sum += weights[i] * values[i];
    return sum;
}

// One element of an input, which may live on a device.
class Element {
  public:
    Element(const Tensor& tensor, int64_t index)
        : memory_(memory_of(tensor.device())), address_(tensor.subrange(index, {1}).address()) {}

    double get() const {
        double value = 0;
        memory_.copy_to_host(&value, address_, sizeof value);
        return value;
    }
    void set(double value) const { memory_.copy_from_host(address_, &value, sizeof value); }

  private:
    DeviceMemory& memory_;
    void* address_;
};

// (f(x + eps e_i) - f(x - eps e_i)) / 2 eps; x is put back as it was.
double central_difference(const Function& function, const std::vector<Tensor>& inputs, const Element& element,
                          double eps, const Tensor& cotangent) {
    const NoGrad no_recording;
    const double x = element.get();
    element.set(x + eps);
    const double above = weighted_sum(function(inputs), cotangent);
    element.set(x - eps);
    const double below = weighted_sum(function(inputs), cotangent);
    element.set(x);
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
// between the values of a smooth function agree. Where they never do, the function has a kink here or is not
// deterministic.
std::string sweep(const Function& function, const std::vector<Tensor>& inputs, const Element& element, double analytic,
                  const Tensor& cotangent) {
    std::string lines;
    for (double eps : {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3}) {
        const double numeric = central_difference(function, inputs, element, eps, cotangent);
        lines += fmt::format("\n    eps {:.0e}: numeric {:+.12e}, difference {:.2e}", eps, numeric,
                             std::abs(analytic - numeric));
    }
    return lines;
}

struct Worst {
    double excess = -1;  // |analytic - numeric| over what is allowed
    size_t input = 0;
    int64_t element = 0;
    double analytic = 0, numeric = 0;
};

std::string wrong_gradient(const std::string& op, const Worst& worst, const Shape& shape,
                           const GradcheckOptions& options, double zero_share) {
    return fmt::format(
        "{}: wrong gradient, worst at element {} of input {} {}: analytic {:+.12e}, numeric {:+.12e}, difference "
        "{:.2e} (allowed: atol {:.0e} + rtol {:.0e} of the numeric); {:.1f} % of all gradients are exactly zero",
        op, index_text(shape, worst.element), worst.input, shape, worst.analytic, worst.numeric,
        std::abs(worst.analytic - worst.numeric), options.atol, options.rtol, zero_share);
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

    Worst worst;
    int64_t zeros = 0;
    for (size_t i = 0; i < leaves.size(); ++i) {
        if (leaves[i].dtype() != DType::float64) continue;
        Tensor analytic = gradient(leaves[i]);
        if (!analytic.defined()) {
            result.report = fmt::format("{}: input {} {} received no gradient", op, i, inputs[i].shape());
            return result;
        }
        analytic = analytic.on_cpu();
        double largest = 0, worst_here = 0;
        for (int64_t e = 0; e < leaves[i].numel(); ++e) {
            const double a = analytic.data<double>()[e];
            const double n = central_difference(function, leaves, Element(leaves[i], e), options.eps, cotangent);
            double error = std::abs(a - n);
            if (!std::isfinite(error)) error = INFINITY;  // a NaN would be lost in max()
            const double excess = error / (options.atol + options.rtol * std::abs(n));
            if (excess > worst.excess) worst = {excess, i, e, a, n};
            worst_here = std::max(worst_here, error);
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
        const Element element(leaves[worst.input], worst.element);
        result.report = wrong_gradient(op, worst, inputs[worst.input].shape(), options, zero_share) +
                        sweep(function, leaves, element, worst.analytic, cotangent);
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

Tensor random_tensor(const Shape& shape, Random random, double scale, double offset) {
    Tensor tensor = Tensor::empty(shape, DType::float64);
    for (int64_t i = 0; i < tensor.numel(); ++i)
        tensor.data<double>()[i] = offset + scale * random.normal(static_cast<uint64_t>(i));
    return tensor;
}

}  // namespace swingrad
