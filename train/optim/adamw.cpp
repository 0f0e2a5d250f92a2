// AdamW: Adam with decoupled weight decay. Step t counts from 1, for each parameter on its own; g is the gradient.
//
//   w <- w (1 - lr decay)                                  first, and on the old weight
//   m <- beta1 m + (1 - beta1) g
//   v <- beta2 v + (1 - beta2) g^2
//   w <- w - lr / (1 - beta1^t)  m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
//
// m and v start at zero and so are too small at first: after t steps of a constant g, m = (1 - beta1^t) g. The
// divisions undo that. eps comes after the correction of sqrt(v), as in PyTorch; before it, its effect would depend
// on t.
// Numerics: what depends on t alone is computed in double; beta2^t in float would lose 1 - beta2^t at small t.
// Source: Loshchilov, Hutter, "Decoupled weight decay regularization", arXiv 1711.05101, with the numbers of
// torch.optim.AdamW. Test: tests/test_optimiser.cpp.

#include "train/optim/flat.h"
#include "train/optim/optimiser.h"

#include <cmath>

namespace swingrad {
namespace {

// What one parameter's elements share in one step.
template <class T>
struct Factors {
    T keep;        // 1 - lr decay
    T step;        // lr / (1 - beta1^t)
    T correction;  // 1 / sqrt(1 - beta2^t)
    T beta1, beta2, eps;
    T one_less_beta1, one_less_beta2;  // rounded once, from double
};

template <class T>
void update(int64_t count, const Factors<T>& f, const T* g, T* w, T* m, T* v) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
        m[i] = f.beta1 * m[i] + f.one_less_beta1 * g[i];
        v[i] = f.beta2 * v[i] + f.one_less_beta2 * g[i] * g[i];
        w[i] = f.keep * w[i] - f.step * m[i] / (std::sqrt(v[i]) * f.correction + f.eps);
    }
}

class AdamW final : public Optimiser {
  public:
    AdamW(const Parameters& parameters, const AdamWOptions& options)
        : parameters_(parameters),
          options_(options),
          m_(Tensor::zeros(parameters.values().shape(), parameters.dtype())),
          v_(Tensor::zeros(parameters.values().shape(), parameters.dtype())),
          updates_(Tensor::zeros({static_cast<int64_t>(parameters.entries().size())}, DType::int64)) {}

    void step(double learning_rate) override {
        check(std::isfinite(learning_rate) && learning_rate >= 0,
              "[adamw] learning rate must be finite and not negative, got {}", learning_rate);
        dispatch_float("adamw", parameters_.dtype(), [&]<class T>(T) { step_in<T>(learning_rate); });
        ++steps_;
    }

    std::vector<std::pair<std::string, Tensor>> state() const override {
        return {{"exp_avg", m_}, {"exp_avg_sq", v_}, {"step", updates_}};
    }

  private:
    template <class T>
    Factors<T> factors(double learning_rate, Decay decay, int64_t t) const {
        const auto& [beta1, beta2, eps, weight_decay] = options_;
        const auto time = static_cast<double>(t);
        Factors<T> f;
        f.keep = static_cast<T>(decay == Decay::yes ? 1 - learning_rate * weight_decay : 1.0);
        f.step = static_cast<T>(learning_rate / (1 - std::pow(beta1, time)));
        f.correction = static_cast<T>(1 / std::sqrt(1 - std::pow(beta2, time)));
        f.beta1 = static_cast<T>(beta1);
        f.beta2 = static_cast<T>(beta2);
        f.eps = static_cast<T>(eps);
        f.one_less_beta1 = static_cast<T>(1 - beta1);
        f.one_less_beta2 = static_cast<T>(1 - beta2);
        return f;
    }

    template <class T>
    void step_in(double learning_rate) {
        const std::vector<bool> received = with_gradient(parameters_);
        std::vector<Factors<T>> all(received.size());
        for (size_t i = 0; i < all.size(); ++i)
            if (received[i])
                all[i] = factors<T>(learning_rate, parameters_.entries()[i].decay, ++updates_.data<int64_t>()[i]);
        const T* g = parameters_.gradients().data<T>();
        T *w = parameters_.values().data<T>(), *m = m_.data<T>(), *v = v_.data<T>();
        for_each_stretch(parameters_, [&](int64_t, size_t entry, int64_t begin, int64_t end) {
            update(end - begin, all[entry], g + begin, w + begin, m + begin, v + begin);
        });
    }

    Parameters parameters_;  // handles on the same memory
    AdamWOptions options_;
    Tensor m_, v_;    // [total]
    Tensor updates_;  // [entries]
};

}  // namespace

std::unique_ptr<Optimiser> make_adamw(const Parameters& parameters, const AdamWOptions& options) {
    const auto& [beta1, beta2, eps, weight_decay] = options;
    check(beta1 >= 0 && beta1 < 1, "[adamw] beta1 must be in [0, 1), got {}", beta1);
    check(beta2 >= 0 && beta2 < 1, "[adamw] beta2 must be in [0, 1), got {}", beta2);
    check(eps >= 0, "[adamw] eps must not be negative, got {}", eps);
    check(weight_decay >= 0, "[adamw] weight_decay must not be negative, got {}", weight_decay);
    return std::make_unique<AdamW>(parameters, options);
}

}  // namespace swingrad
