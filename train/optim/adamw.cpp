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
// torch.optim.AdamW. The arithmetic itself is in cuda/optim/adamw.h, for the GPU too. Test:
// tests/train/optim/test_optimiser.cpp.

#include "cuda/optim/adamw.h"
#include "train/optim/flat.h"
#include "train/optim/flat_table.h"
#include "train/optim/optimiser.h"

#include <cmath>
#include <optional>

namespace swingrad {
namespace {

template <class T, class G>
void update(int64_t count, const cuda::AdamWFactors<T>& f, const G* g, T* w, T* m, T* v) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) cuda::adamw_update(f, static_cast<T>(widen(g[i])), w[i], m[i], v[i]);
}

class AdamW final : public DeviceOptimiser {
  public:
    AdamW(const Parameters& parameters, const AdamWOptions& options, std::vector<bool> entries)
        : parameters_(parameters),
          entries_(std::move(entries)),
          numbers_{options.beta1, options.beta2, options.eps, options.weight_decay},
          m_(parameters.values().zeros_like(parameters.values().shape())),
          v_(parameters.values().zeros_like(parameters.values().shape())),
          updates_(
              Tensor::zeros({static_cast<int64_t>(parameters.entries().size())}, DType::int64, parameters.device())) {
        if (parameters.device() == Device::cuda) table_.emplace(parameters, entries_);
    }

    void step(double learning_rate) override {
        check(std::isfinite(learning_rate) && learning_rate >= 0,
              "[adamw] learning rate must be finite and not negative, got {}", learning_rate);
        if (table_) step_by(control_of(learning_rate).data());
        else dispatch_float("adamw", parameters_.values().dtype(), [&]<class T>(T) { step_on_cpu<T>(learning_rate); });
        ++steps_;
    }

    void step_by(const cuda::StepControl* control) override {
        check(table_.has_value(), "[adamw] parameters on the CPU know no control in device memory");
        const cuda::FlatTable table = table_->current();
        dispatch_float("adamw", parameters_.values().dtype(), [&]<class T>(T) {
            cuda::adamw_step(
                table, numbers_, control, updates_.device_data<int64_t>(), parameters_.gradients().device_data<T>(),
                device_data_or_null<bfloat16>(parameters_.copies_gradients()), parameters_.values().device_data<T>(),
                m_.device_data<T>(), v_.device_data<T>(), device_data_or_null<bfloat16>(parameters_.copies()));
        });
    }

    std::vector<std::pair<std::string, Tensor>> state() const override {
        return {{"exp_avg", m_}, {"exp_avg_sq", v_}, {"step", updates_}};
    }

  private:
    template <class T>
    void step_on_cpu(double learning_rate) {
        const std::vector<bool> received = with_gradient(parameters_, entries_);
        std::vector<cuda::AdamWFactors<T>> all(received.size());
        for (size_t i = 0; i < all.size(); ++i)
            if (received[i])
                all[i] =
                    cuda::adamw_factors<T>(numbers_, learning_rate * parameters_.entries()[i].rate,
                                           parameters_.entries()[i].decay == Decay::yes, ++updates_.data<int64_t>()[i]);
        T *w = parameters_.values().data<T>(), *m = m_.data<T>(), *v = v_.data<T>();
        for_each(stretches(parameters_, entries_), [&](const Stretch& stretch) {
            const int64_t begin = stretch.begin;
            with_gradients<T>(parameters_, stretch, [&](const auto* g) {
                update(stretch.end - begin, all[stretch.entry], g, w + begin, m + begin, v + begin);
            });
            renew_copy<T>(parameters_, stretch);
        });
    }

    Parameters parameters_;            // handles on the same memory
    const std::vector<bool> entries_;  // whose step it takes; empty: all
    cuda::AdamWNumbers numbers_;
    Tensor m_, v_;                    // [total]
    Tensor updates_;                  // [entries]
    std::optional<FlatTable> table_;  // on the GPU
};

}  // namespace

std::unique_ptr<DeviceOptimiser> make_adamw(const Parameters& parameters, const AdamWOptions& options,
                                            const OfEntries& entries) {
    const auto& [beta1, beta2, eps, weight_decay] = options;
    check(beta1 >= 0 && beta1 < 1, "[adamw] beta1 must be in [0, 1), got {}", beta1);
    check(beta2 >= 0 && beta2 < 1, "[adamw] beta2 must be in [0, 1), got {}", beta2);
    check(eps >= 0, "[adamw] eps must not be negative, got {}", eps);
    check(weight_decay >= 0, "[adamw] weight_decay must not be negative, got {}", weight_decay);
    return std::make_unique<AdamW>(parameters, options, entries);
}

}  // namespace swingrad
