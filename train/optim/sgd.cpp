// SGD with momentum, as PyTorch defines it. g is the gradient, b the momentum buffer.
//
//   g' = g + decay w                                coupled: the decay passes through the momentum
//   b <- g'                                         a parameter's first update
//   b <- momentum b + (1 - dampening) g'            afterwards
//   w <- w - lr b                                   or, with Nesterov's momentum,  w - lr (g' + momentum b)
//
// Without momentum there is no b: w <- w - lr g'.
// The learning rate is outside b: when a schedule lowers it, past gradients count less too. Sutskever's form, with
// the rate inside, differs as soon as the rate changes.
// Source: Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning",
// ICML 2013, with the numbers of torch.optim.SGD. The arithmetic itself is in cuda/optim/sgd.h, for the GPU too. Test:
// tests/train/optim/test_optimiser.cpp.

#include "cuda/optim/sgd.h"
#include "train/optim/flat.h"
#include "train/optim/flat_table.h"
#include "train/optim/optimiser.h"

#include <cmath>
#include <optional>

namespace swingrad {
namespace {

template <class T, class G>
void update(int64_t count, const cuda::SGDFactors<T>& f, const G* g, T* w, T* b) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) cuda::sgd_update(f, static_cast<T>(widen(g[i])), w[i], b[i]);
}

template <class T, class G>
void update_without_momentum(int64_t count, const cuda::SGDFactors<T>& f, const G* g, T* w) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) cuda::sgd_update_without_momentum(f, static_cast<T>(widen(g[i])), w[i]);
}

class SGD final : public DeviceOptimiser {
  public:
    SGD(const Parameters& parameters, const SGDOptions& options, OfEntries entries)
        : parameters_(parameters),
          entries_(std::move(entries)),
          numbers_{options.momentum, options.dampening, options.weight_decay, options.nesterov},
          updates_(
              Tensor::zeros({static_cast<int64_t>(parameters.entries().size())}, DType::int64, parameters.device())) {
        if (options.momentum > 0) buffer_ = parameters.values().zeros_like(parameters.values().shape());
        if (parameters.device() == Device::cuda) table_.emplace(parameters, entries_);
    }

    void step(double learning_rate) override {
        check(std::isfinite(learning_rate) && learning_rate >= 0,
              "[sgd] learning rate must be finite and not negative, got {}", learning_rate);
        if (table_) step_by(control_of(learning_rate).data());
        else dispatch_float("sgd", parameters_.values().dtype(), [&]<class T>(T) { step_on_cpu<T>(learning_rate); });
        ++steps_;
    }

    void step_by(const cuda::StepControl* control) override {
        check(table_.has_value(), "[sgd] parameters on the CPU know no control in device memory");
        const cuda::FlatTable table = table_->current();
        dispatch_float("sgd", parameters_.values().dtype(), [&]<class T>(T) {
            cuda::sgd_step(
                table, numbers_, control, updates_.device_data<int64_t>(), parameters_.gradients().device_data<T>(),
                device_data_or_null<bfloat16>(parameters_.copies_gradients()), parameters_.values().device_data<T>(),
                device_data_or_null<T>(buffer_), device_data_or_null<bfloat16>(parameters_.copies()));
        });
    }

    std::vector<std::pair<std::string, Tensor>> state() const override {
        if (!buffer_.defined()) return {{"step", updates_}};
        return {{"momentum_buffer", buffer_}, {"step", updates_}};
    }

  private:
    template <class T>
    void step_on_cpu(double learning_rate) {
        const std::vector<bool> received = with_gradient(parameters_, entries_);
        std::vector<cuda::SGDFactors<T>> all(received.size());
        for (size_t i = 0; i < all.size(); ++i)
            if (received[i])
                all[i] = cuda::sgd_factors<T>(numbers_, learning_rate * parameters_.entries()[i].rate,
                                              parameters_.entries()[i].decay == Decay::yes,
                                              updates_.data<int64_t>()[i]++ == 0);
        T* w = parameters_.values().data<T>();
        T* b = data_or_null<T>(buffer_);
        for_each(stretches(parameters_, entries_), [&](const Stretch& stretch) {
            const int64_t begin = stretch.begin, count = stretch.end - begin;
            const auto& factors = all[stretch.entry];
            with_gradients<T>(parameters_, stretch, [&](const auto* g) {
                if (b) update(count, factors, g, w + begin, b + begin);
                else update_without_momentum(count, factors, g, w + begin);
            });
            renew_copy<T>(parameters_, stretch);
        });
    }

    Parameters parameters_;    // handles on the same memory
    const OfEntries entries_;  // whose step it takes; empty: all
    cuda::SGDNumbers numbers_;
    Tensor buffer_;                   // [total]; undefined without momentum
    Tensor updates_;                  // [entries]
    std::optional<FlatTable> table_;  // on the GPU
};

}  // namespace

std::unique_ptr<DeviceOptimiser> make_sgd(const Parameters& parameters, const SGDOptions& options,
                                          const OfEntries& entries) {
    const auto& [momentum, dampening, weight_decay, nesterov] = options;
    check(momentum >= 0, "[sgd] momentum must not be negative, got {}", momentum);
    check(dampening >= 0 && dampening <= 1, "[sgd] dampening must be from 0 to 1, got {}", dampening);
    check(weight_decay >= 0, "[sgd] weight_decay must not be negative, got {}", weight_decay);
    check(!nesterov || (momentum > 0 && dampening == 0),
          "[sgd] nesterov needs momentum above 0 and dampening 0, got momentum {} and dampening {}", momentum,
          dampening);
    return std::make_unique<SGD>(parameters, options, entries);
}

}  // namespace swingrad
