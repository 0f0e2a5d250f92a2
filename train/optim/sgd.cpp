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
// ICML 2013, with the numbers of torch.optim.SGD. Test: tests/test_optimiser.cpp.

#include "train/optim/flat.h"
#include "train/optim/optimiser.h"

#include <cmath>

namespace swingrad {
namespace {

// The two ways to update, and the first and later steps, in one form:
//   b <- keep b + take g'        w <- w - (lr_gradient g' + lr_buffer b)
// Factors of exactly 0 and 1 change no bits of what they are meant to leave out or pass on.
template <class T>
struct Factors {
    T decay, keep, take, lr_gradient, lr_buffer;
};

template <class T>
void update(int64_t count, const Factors<T>& f, const T* g, T* w, T* b) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
        const T decayed = g[i] + f.decay * w[i];
        b[i] = f.keep * b[i] + f.take * decayed;
        w[i] -= f.lr_gradient * decayed + f.lr_buffer * b[i];
    }
}

template <class T>
void update_without_momentum(int64_t count, const Factors<T>& f, const T* g, T* w) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) w[i] -= f.lr_gradient * (g[i] + f.decay * w[i]);
}

class SGD final : public Optimiser {
  public:
    SGD(const Parameters& parameters, const SGDOptions& options)
        : parameters_(parameters),
          options_(options),
          updates_(Tensor::zeros({static_cast<int64_t>(parameters.entries().size())}, DType::int64)) {
        if (options.momentum > 0) buffer_ = Tensor::zeros(parameters.values().shape(), parameters.dtype());
    }

    void step(double learning_rate) override {
        check(std::isfinite(learning_rate) && learning_rate >= 0,
              "[sgd] learning rate must be finite and not negative, got {}", learning_rate);
        dispatch_float("sgd", parameters_.dtype(), [&]<class T>(T) { step_in<T>(learning_rate); });
        ++steps_;
    }

    std::vector<std::pair<std::string, Tensor>> state() const override {
        if (!buffer_.defined()) return {{"step", updates_}};
        return {{"momentum_buffer", buffer_}, {"step", updates_}};
    }

  private:
    template <class T>
    Factors<T> factors(double learning_rate, Decay decay, bool first) const {
        const auto& [momentum, dampening, weight_decay, nesterov] = options_;
        const bool gradient_direct = nesterov || momentum == 0;
        Factors<T> f;
        f.decay = static_cast<T>(decay == Decay::yes ? weight_decay : 0.0);
        f.keep = static_cast<T>(first ? 0.0 : momentum);
        f.take = static_cast<T>(first ? 1.0 : 1 - dampening);
        f.lr_gradient = static_cast<T>(gradient_direct ? learning_rate : 0.0);
        f.lr_buffer = static_cast<T>(nesterov ? learning_rate * momentum : learning_rate);
        return f;
    }

    template <class T>
    void step_in(double learning_rate) {
        const std::vector<bool> received = with_gradient(parameters_);
        std::vector<Factors<T>> all(received.size());
        for (size_t i = 0; i < all.size(); ++i)
            if (received[i])
                all[i] = factors<T>(learning_rate, parameters_.entries()[i].decay, updates_.data<int64_t>()[i]++ == 0);
        const T* g = parameters_.gradients().data<T>();
        T* w = parameters_.values().data<T>();
        T* b = buffer_.defined() ? buffer_.data<T>() : nullptr;
        for_each_stretch(parameters_, [&](int64_t, size_t entry, int64_t begin, int64_t end) {
            if (b) update(end - begin, all[entry], g + begin, w + begin, b + begin);
            else update_without_momentum(end - begin, all[entry], g + begin, w + begin);
        });
    }

    Parameters parameters_;  // handles on the same memory
    SGDOptions options_;
    Tensor buffer_;   // [total]; undefined without momentum
    Tensor updates_;  // [entries]
};

}  // namespace

std::unique_ptr<Optimiser> make_sgd(const Parameters& parameters, const SGDOptions& options) {
    const auto& [momentum, dampening, weight_decay, nesterov] = options;
    check(momentum >= 0, "[sgd] momentum must not be negative, got {}", momentum);
    check(dampening >= 0 && dampening <= 1, "[sgd] dampening must be from 0 to 1, got {}", dampening);
    check(weight_decay >= 0, "[sgd] weight_decay must not be negative, got {}", weight_decay);
    check(!nesterov || (momentum > 0 && dampening == 0),
          "[sgd] nesterov needs momentum above 0 and dampening 0, got momentum {} and dampening {}", momentum,
          dampening);
    return std::make_unique<SGD>(parameters, options);
}

}  // namespace swingrad
