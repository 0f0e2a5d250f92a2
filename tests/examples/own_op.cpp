// An operation of your own, in the order that every file of ops/ has: derivation, arguments, forward, backward, node,
// public function, gradient case; and a program that proves its gradient.
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

#include <swingrad/core/threads.h>
#include <swingrad/ops/operation.h>
#include <swingrad/ops/ops.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace mine {

using namespace swingrad;

// ---- arguments: sizes and addresses. T is the type of elements: float, double, bfloat16 or Dual

template <class T>
struct SoftplusOp {
    using A = acc_type<T>;  // what is computed in: float for bfloat16, else T

    int64_t count;
    const T* x = nullptr;   // [count], as are the others
    T* y = nullptr;         // forward's alone
    const T* dy = nullptr;  // this and dx: backward's alone
    T* dx = nullptr;

    void forward() const;
    void backward() const;
};

// ---- forward

template <class T>
void SoftplusOp<T>::forward() const {
    using std::abs, std::exp, std::log1p;  // and not std::exp(...): dual numbers have their own
    parallel_elements(count, [&](int64_t i) {
        const A x_i = x[i];
        y[i] = std::max(x_i, A(0)) + log1p(exp(-abs(x_i)));
    });
}

// ---- backward

template <class T>
void SoftplusOp<T>::backward() const {
    using std::exp;
    parallel_elements(count, [&](int64_t i) {
    // forward: y = log(1 + e^x), so:
#ifndef WRONG_ON_PURPOSE
        dx[i] = dy[i] / (1 + exp(-A(x[i])));
#else  // the tests build this too: the checks below must notice
        dx[i] = dy[i] / (1 + exp(A(x[i])));
#endif
    });
}

// ---- autograd node: what the tape keeps until it walks back

struct SoftplusNode final : Node {
    Tensor x;

    std::string_view name() const override { return "softplus"; }
    std::vector<Saved> saved() const override { return {{"x", x}}; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = x.empty_like(x.shape());
        run_backward("softplus", x, [&]<class T>(T) {
            return SoftplusOp<T>{.count = x.numel(), .x = ptr(x), .dy = ptr(dy), .dx = ptr(dx)};
        });
        return {dx};  // one gradient an input
    }
};

// ---- public function

Tensor softplus(const Tensor& x) {
    const Tensor y = x.empty_like(x.shape());
    run_forward("softplus", x, [&]<class T>(T) { return SoftplusOp<T>{.count = x.numel(), .x = ptr(x), .y = ptr(y)}; });
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
