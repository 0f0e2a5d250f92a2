// sum(x), mean(x): [...] -> []
//
//   y = factor sum_i x_i       factor = 1 (sum) or 1 / number of elements (mean)
//   dx_i = factor dy           saved: nothing but the shape
//
// The sum is taken over chunks of a fixed size, and the chunks' sums are added in order: the same bits for any number
// of threads. The chunks' sums are doubles, so that the error does not grow with their number. y is float32 where x is
// bfloat16: a loss.
// Source: any text. Test: tests/reduce/test_reduce.cpp.

#include "cuda/reduce/reduce.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr int64_t chunk = 1 << 14;

// ---- CPU forward

template <class T>
double forward(int64_t count, const T* x) {
    std::vector<double> sums(static_cast<size_t>((count + chunk - 1) / chunk));
    parallel_chunks(count, chunk, [&](int64_t begin, int64_t end) {
        acc_type<T> sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = begin; i < end; ++i) sum += widen(x[i]);
        sums[static_cast<size_t>(begin / chunk)] = static_cast<double>(sum);
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

// ---- CPU backward

template <class T>
void backward(int64_t count, T value, T* dx) {
    // forward: y = factor (x_0 + x_1 + ...), so every dx_i is the same factor dy:
    parallel_chunks(count, chunk, [=](int64_t begin, int64_t end) { std::fill(dx + begin, dx + end, value); });
}

// ---- autograd node

struct SumNode final : Node {
    std::string_view op;
    Shape x_shape;
    DType x_dtype = DType::float32;
    double factor = 1;

    std::string_view name() const override { return op; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        Tensor dx = Tensor::empty(x_shape, x_dtype, dy.device());
        on_device_of(
            op, dx,
            [&]<class T>(T) {
                swingrad::backward(dx.numel(),
                                   narrow<T>(static_cast<acc_type<T>>(factor * static_cast<double>(*dy.data<acc_type<T>>()))),
                                   dx.data<T>());
            },
            [&]<class T>(T) {
                cuda::sum_backward(dx.numel(), factor, dy.device_data<acc_type<T>>(), dx.device_data<T>());
            });
        return {dx};
    }
};

Tensor scaled_sum(std::string_view op, const Tensor& x, double factor) {
    Tensor y = Tensor::empty({}, acc_dtype(x.dtype()), x.device());
    on_device_of(
        op, x, [&]<class T>(T) { *y.data<acc_type<T>>() = static_cast<acc_type<T>>(factor * forward(x.numel(), x.data<T>())); },
        [&]<class T>(T) { cuda::sum_forward(x.numel(), factor, x.device_data<T>(), y.device_data<acc_type<T>>()); });
    if (!recording({x})) return y;
    auto node = std::make_unique<SumNode>();
    node->op = op;
    node->x_shape = x.shape();
    node->x_dtype = x.dtype();
    node->factor = factor;
    return record(std::move(node), {x}, y);
}

}  // namespace

// ---- public functions

Tensor sum(const Tensor& x) { return scaled_sum("sum", x, 1); }

Tensor mean(const Tensor& x) {
    check(x.numel() > 0, "[mean] expects at least one element, got {}", x.shape());
    return scaled_sum("mean", x, 1 / static_cast<double>(x.numel()));
}

// ---- gradient checks

namespace {

std::vector<Tensor> input(Random random) { return {random_tensor({2, 3, 5}, random)}; }
const DeclareGradientCase sum_case{{"reduce/sum", input, [](const std::vector<Tensor>& in) { return sum(in[0]); }}};
const DeclareGradientCase mean_case{{"reduce/mean", input, [](const std::vector<Tensor>& in) { return mean(in[0]); }}};

}  // namespace
}  // namespace swingrad
