#include "tests/support.h"

#include "core/threads.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace swingrad::test {

Tensor counting(const Shape& shape) {
    std::vector<double> values(static_cast<size_t>(shape.numel()));
    std::iota(values.begin(), values.end(), 0.0);
    return Tensor::from(shape, values);
}

std::string error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

double largest_difference(const Tensor& a, const Tensor& b) {
    if (!a.defined() || !b.defined() || !(a.shape() == b.shape())) return std::numeric_limits<double>::infinity();
    const auto left = a.values(), right = b.values();
    double largest = 0;
    for (size_t i = 0; i < left.size(); ++i) {
        const double difference = std::abs(left[i] - right[i]);
        if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
        largest = std::max(largest, difference);
    }
    return largest;
}

std::vector<Tensor> gradients_of(const Function& function, const std::vector<Tensor>& inputs, const Tensor& cotangent) {
    std::vector<Tensor> leaves, gradients;
    for (const Tensor& input : inputs) {
        leaves.push_back(input.detached());
        if (input.dtype() != DType::int64) require_gradient(leaves.back());
    }
    Tape tape;
    tape.backward(function(leaves), cotangent);
    for (size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i].dtype() != DType::int64) gradients.push_back(gradient(leaves[i]));
    return gradients;
}

double largest_disagreement(const Function& f, const Function& oracle, const std::vector<Tensor>& inputs) {
    const Tensor ours = f(inputs), theirs = oracle(inputs);
    const Tensor cotangent = random_tensor(ours.shape(), Random{7, 7}).to(ours.dtype());
    const auto d_ours = gradients_of(f, inputs, cotangent), d_theirs = gradients_of(oracle, inputs, cotangent);
    double largest = largest_difference(ours, theirs);
    for (size_t i = 0; i < d_ours.size(); ++i) largest = std::max(largest, largest_difference(d_ours[i], d_theirs[i]));
    return largest;
}

double largest_float_error(const Function& f, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> narrow, wide;
    for (const Tensor& input : inputs) {
        narrow.push_back(input.to(DType::float32));
        wide.push_back(narrow.back().to(DType::float64));
    }
    const Tensor y = f(wide);
    const Tensor cotangent = random_tensor(y.shape(), Random{7, 8}).to(DType::float32);
    const auto d_narrow = gradients_of(f, narrow, cotangent),
               d_wide = gradients_of(f, wide, cotangent.to(DType::float64));
    double largest = largest_difference(f(narrow), y);
    for (size_t i = 0; i < d_wide.size(); ++i) largest = std::max(largest, largest_difference(d_narrow[i], d_wide[i]));
    return largest;
}

bool same_bits(const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && a.dtype() == b.dtype() &&
           (a.numel() == 0 || std::memcmp(a.address(), b.address(), a.bytes()) == 0);
}

bool same_on_any_threads(const Function& f, const std::vector<Tensor>& inputs, const Tensor& cotangent) {
    const int before = thread_count();
    std::vector<std::vector<Tensor>> results;
    for (const int threads : {1, 2, 3}) {
        set_thread_count(threads);
        results.push_back(gradients_of(f, inputs, cotangent));
        results.back().push_back(f(inputs));
    }
    set_thread_count(before);
    for (size_t i = 0; i < results[0].size(); ++i)
        if (!same_bits(results[0][i], results[1][i]) || !same_bits(results[0][i], results[2][i])) return false;
    return true;
}

}  // namespace swingrad::test
