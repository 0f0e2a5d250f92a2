// AdamW's arithmetic, once for the CPU's loops and for kernels, and the kernels of train/optim/adamw.cpp, where it is
// derived. T: float or double.
#pragma once

#include "core/element.h"
#include "cuda/optim/flat.h"
#include "cuda/optim/training_step.h"

#include <cmath>

namespace swingrad::cuda {

struct AdamWNumbers {
    double beta1, beta2, eps, weight_decay;
};

// What one parameter's elements share in one step.
template <class T>
struct AdamWFactors {
    T keep;        // 1 - lr decay
    T step;        // lr / (1 - beta1^t)
    T correction;  // 1 / sqrt(1 - beta2^t)
    T beta1, beta2, eps;
    T one_less_beta1, one_less_beta2;  // rounded once, from double
};

template <class T>
SWINGRAD_HOST_DEVICE inline AdamWFactors<T> adamw_factors(const AdamWNumbers& of, double learning_rate, bool decays,
                                                          int64_t t) {
    const auto time = static_cast<double>(t);
    AdamWFactors<T> f;
    f.keep = static_cast<T>(decays ? 1 - learning_rate * of.weight_decay : 1.0);
    f.step = static_cast<T>(learning_rate / (1 - std::pow(of.beta1, time)));
    f.correction = static_cast<T>(1 / std::sqrt(1 - std::pow(of.beta2, time)));
    f.beta1 = static_cast<T>(of.beta1);
    f.beta2 = static_cast<T>(of.beta2);
    f.eps = static_cast<T>(of.eps);
    f.one_less_beta1 = static_cast<T>(1 - of.beta1);
    f.one_less_beta2 = static_cast<T>(1 - of.beta2);
    return f;
}

template <class T>
SWINGRAD_HOST_DEVICE inline void adamw_update(const AdamWFactors<T>& f, T g, T& w, T& m, T& v) {
    m = f.beta1 * m + f.one_less_beta1 * g;
    v = f.beta2 * v + f.one_less_beta2 * g * g;
    w = f.keep * w - f.step * m / (std::sqrt(v) * f.correction + f.eps);
}

// One step, unless control says that steps are halted: learning rate and scale of the gradients from control, in device
// memory. updates [entries]: how many each has had. Flat, [total]: gradients g and, where a parameter has a copy,
// g_copies; weights w and their copies, moments m and v. The copies may be null where no parameter has any.
template <class T>
void adamw_step(const FlatTable& table, const AdamWNumbers& numbers, const StepControl* control, int64_t* updates,
                const T* g, const bfloat16* g_copies, T* w, T* m, T* v, bfloat16* w_copies);

}  // namespace swingrad::cuda
