// The arithmetic of SGD, once for the CPU's loops and for kernels, and the kernels of train/optim/sgd.cpp, where it is
// derived. T: float or double.
#pragma once

#include "core/element.h"
#include "cuda/optim/flat.h"
#include "cuda/optim/training_step.h"

namespace swingrad::cuda {

struct SGDNumbers {
    double momentum, dampening, weight_decay;
    bool nesterov;
};

// The two ways to update, and the first and later steps, in one form:
//   b <- keep b + take g'        w <- w - (lr_gradient g' + lr_buffer b)
// Factors of exactly 0 and 1 change no bits of what they are meant to leave out or pass on.
template <class T>
struct SGDFactors {
    T decay, keep, take, lr_gradient, lr_buffer;
};

template <class T>
SWINGRAD_HOST_DEVICE inline SGDFactors<T> sgd_factors(const SGDNumbers& of, double learning_rate, bool decays,
                                                      bool first) {
    const bool gradient_direct = of.nesterov || of.momentum == 0;
    SGDFactors<T> f;
    f.decay = static_cast<T>(decays ? of.weight_decay : 0.0);
    f.keep = static_cast<T>(first ? 0.0 : of.momentum);
    f.take = static_cast<T>(first ? 1.0 : 1 - of.dampening);
    f.lr_gradient = static_cast<T>(gradient_direct ? learning_rate : 0.0);
    f.lr_buffer = static_cast<T>(of.nesterov ? learning_rate * of.momentum : learning_rate);
    return f;
}

template <class T>
SWINGRAD_HOST_DEVICE inline void sgd_update(const SGDFactors<T>& f, T g, T& w, T& b) {
    const T decayed = g + f.decay * w;
    b = f.keep * b + f.take * decayed;
    w -= f.lr_gradient * decayed + f.lr_buffer * b;
}

template <class T>
SWINGRAD_HOST_DEVICE inline void sgd_update_without_momentum(const SGDFactors<T>& f, T g, T& w) {
    w -= f.lr_gradient * (g + f.decay * w);
}

// One step, as adamw_step takes one (cuda/optim/adamw.h). b [total], the momentum, may be null: without.
template <class T>
void sgd_step(const FlatTable& table, const SGDNumbers& numbers, const StepControl* control, int64_t* updates,
              const T* g, const bfloat16* g_copies, T* w, T* b, bfloat16* w_copies);

}  // namespace swingrad::cuda
