#include "tests/support/support.h"

#include "core/threads.h"
#include "cuda/runtime/runtime.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace swingrad::test {
namespace {

bool is_floating(const Tensor& tensor) { return is_float(tensor.dtype()); }

// Of the largest |b|, or of 1 where that is less.
double relative_difference(const Tensor& a, const Tensor& b) {
    double largest = 1;
    for (const double value : b.values()) largest = std::max(largest, std::abs(value));
    return largest_difference(a, b) / largest;
}

// Value and gradients of f.
std::vector<Tensor> results_of(const Function& f, const std::vector<Tensor>& inputs, const Tensor& cotangent) {
    std::vector<Tensor> results = gradients_of(f, inputs, cotangent);
    results.push_back(f(inputs));
    return results;
}

double largest_relative(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    double largest = 0;
    for (size_t i = 0; i < b.size(); ++i) largest = std::max(largest, relative_difference(a[i], b[i]));
    return largest;
}

}  // namespace

Tensor counting(const Shape& shape) {
    std::vector<double> values(static_cast<size_t>(shape.numel()));
    std::iota(values.begin(), values.end(), 0.0);
    return Tensor::from(shape, values);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

size_t occurrences(const std::string& text, const std::string& part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
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
        if (is_floating(input)) require_gradient(leaves.back());
    }
    Tape tape;
    const Tensor y = function(leaves);
    tape.backward(y, cotangent.on(y.device()));
    for (size_t i = 0; i < inputs.size(); ++i)
        if (is_floating(inputs[i])) gradients.push_back(gradient(leaves[i]));
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

std::vector<Tensor> on(Device device, const std::vector<Tensor>& tensors) {
    std::vector<Tensor> there;
    for (const Tensor& tensor : tensors) there.push_back(tensor.on(device));
    return there;
}

namespace {

std::vector<Tensor> converted(const std::vector<Tensor>& inputs, DType dtype) {
    std::vector<Tensor> all;
    for (const Tensor& input : inputs) all.push_back(is_floating(input) ? input.to(dtype) : input);
    return all;
}

}  // namespace

PlainLoops::PlainLoops() : before_(plain_loops()) { use_plain_loops(true); }
PlainLoops::~PlainLoops() { use_plain_loops(before_); }

double largest_fast_error(const Function& f, const std::vector<Tensor>& inputs, DType dtype) {
    const std::vector<Tensor> here = converted(inputs, dtype);
    const Tensor y = f(here), cotangent = random_tensor(y.shape(), Random{7, 9}).to(y.dtype());
    const auto fast = results_of(f, here, cotangent);
    const PlainLoops plain;
    return largest_relative(fast, results_of(f, here, cotangent));
}

double largest_kernel_error(const Function& f, const std::vector<Tensor>& inputs, DType dtype) {
    const std::vector<Tensor> here = converted(inputs, dtype);
    const PlainLoops plain;
    const Tensor y = f(here), cotangent = random_tensor(y.shape(), Random{7, 9}).to(y.dtype());
    return largest_relative(results_of(f, on(Device::cuda, here), cotangent), results_of(f, here, cotangent));
}

double largest_bfloat16_error(const Function& f, const std::vector<Tensor>& inputs, const std::vector<size_t>& narrow) {
    std::vector<Tensor> narrowed = inputs, rounded = inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
        if (!is_floating(inputs[i])) continue;
        const bool is_narrow = std::find(narrow.begin(), narrow.end(), i) != narrow.end();
        narrowed[i] = inputs[i].to(is_narrow ? DType::bfloat16 : DType::float32);
        rounded[i] = narrowed[i].to(DType::float32);
    }
    double largest = 0;
    const auto look = [&](Device device) {
        const auto there = on(device, narrowed), wide = on(device, rounded);
        const Tensor y = f(there), cotangent = random_tensor(y.shape(), Random{7, 9}).to(y.dtype());
        largest = std::max(largest, largest_relative(results_of(f, there, cotangent),
                                                     results_of(f, wide, cotangent.to(DType::float32))));
    };
    look(Device::cuda);
    look(Device::cpu);
    const PlainLoops plain;
    look(Device::cpu);
    return largest;
}

bool same_in_any_order(const Function& f, const std::vector<Tensor>& inputs, const Tensor& cotangent) {
    const std::vector<Tensor> there = on(Device::cuda, inputs);
    std::vector<std::vector<Tensor>> results;
    for (const uint32_t seed : {0u, 1u, 2u, 3u}) {  // one of each kind of order (cuda/emulator/machine/order.h)
        const uint32_t before = cuda::permute_threads(seed);
        results.push_back(results_of(f, there, cotangent));
        cuda::permute_threads(before);
    }
    for (size_t i = 0; i < results[0].size(); ++i)
        for (const auto& others : results)
            if (!same_bits(results[0][i], others[i])) return false;
    return true;
}

bool same_bits(const Tensor& a, const Tensor& b) {
    const Tensor left = a.on_cpu(), right = b.on_cpu();
    return a.shape() == b.shape() && a.dtype() == b.dtype() &&
           (a.numel() == 0 || std::memcmp(left.address(), right.address(), a.bytes()) == 0);
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
