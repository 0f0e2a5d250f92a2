// An operation of your own, in the order that every file of ops/ has: derivation, forward, backward, node, public
// function, gradient case; and a program that proves its gradient.
//
// softplus(x [...]) -> [...]
//
//   y_i = log(1 + e^x_i)
//
// Backward. dy_i / dx_i = e^x_i / (1 + e^x_i) = 1 / (1 + e^-x_i), so with dy the gradient that arrives:
//
//   dx_i = dy_i / (1 + e^-x_i)
//
// Saved: x.
// Numerics: e^x overflows for large x, and log(1 + e^x) loses all digits for x far below 0. The same function is
// max(x, 0) + log1p(e^-|x|), which does neither.

#include <swingrad/autograd/gradcheck.h>
#include <swingrad/core/threads.h>
#include <swingrad/ops/ops.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace mine {

using namespace swingrad;

namespace {

constexpr int64_t chunk = 1 << 12;  // elements in a piece of work: its size must not depend on the number of threads

// ---- forward and backward, for float and double alike

template <class T>
void forward(int64_t count, const T* x, T* y) {
    parallel_chunks(count, chunk, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = std::max(x[i], T(0)) + std::log1p(std::exp(-std::abs(x[i])));
    });
}

template <class T>
void backward(int64_t count, const T* x, const T* dy, T* dx) {
    parallel_chunks(count, chunk, [=](int64_t begin, int64_t end) {
    // forward: y = log(1 + e^x), so:
#ifndef WRONG_ON_PURPOSE
        for (int64_t i = begin; i < end; ++i) dx[i] = dy[i] / (1 + std::exp(-x[i]));
#else  // the tests build this too: the checks below must notice
        for (int64_t i = begin; i < end; ++i) dx[i] = dy[i] / (1 + std::exp(x[i]));
#endif
    });
}

// ---- autograd node: what the tape keeps until it walks back

struct SoftplusNode final : Node {
    Tensor x;

    std::string_view name() const override { return "softplus"; }
    std::vector<Saved> saved() const override { return {{"x", x}}; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        Tensor dx = Tensor::empty(x.shape(), x.dtype());
        dispatch_float("softplus", x.dtype(),
                       [&]<class T>(T) { mine::backward(x.numel(), x.data<T>(), dy.data<T>(), dx.data<T>()); });
        return {dx};  // one gradient an input
    }
};

}  // namespace

// ---- public function

Tensor softplus(const Tensor& x) {
    Tensor y = Tensor::empty(x.shape(), x.dtype());
    dispatch_float("softplus", x.dtype(), [&]<class T>(T) { forward(x.numel(), x.data<T>(), y.data<T>()); });
    if (!recording({x})) return y;  // nothing needs a gradient: nothing to keep
    auto node = std::make_unique<SoftplusNode>();
    node->x = x.detached();
    return record(std::move(node), {x}, y);
}

// ---- gradient case: inputs on which the gradient is proved, found under their name

std::vector<Tensor> inputs(Random random) { return {random_tensor({2, 3, 5}, random)}; }
Tensor function(const std::vector<Tensor>& in) { return softplus(in[0]); }
const DeclareGradientCase softplus_case{{"softplus", inputs, function}};

}  // namespace mine

int main() {
    using namespace swingrad;
    bool ok = true;
    const auto report = [&](const std::string& name, const GradcheckResult& result) {
        std::printf("%-24s %s, largest error %.1e of %lld elements\n", name.c_str(), result.ok ? "ok" : "WRONG",
                    result.worst_error, static_cast<long long>(result.elements));
        if (!result.ok) std::printf("%s\n", result.report.c_str());
        ok &= result.ok;
    };

    // Any function of tensors can be checked, on inputs of your choice: here a layer, whose sums are far from 0.
    const Tensor x = random_tensor({3, 4}, Random{.seed = 2}, 10);
    const Tensor weight = random_tensor({2, 4}, Random{.seed = 3}, 10);
    const Function layer = [](const std::vector<Tensor>& in) { return mine::softplus(linear(in[0], in[1])); };
    report("gradcheck", gradcheck(layer, {x, weight}));

    // All declared cases: this one, and those of swingrad's own operations.
    for (const GradientCase& one : gradient_cases())
        report(one.name, gradcheck(one.function, one.inputs(Random{.seed = 1}), one.options, one.name));
    return ok ? 0 : 1;
}
