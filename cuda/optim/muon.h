// Muon's arithmetic, once for the CPU's loops and for kernels, and the kernels of train/optim/muon.cpp, where it is
// derived. T: float or double.
#pragma once

#include "core/element.h"
#include "cuda/optim/training_step.h"

#include <cmath>

namespace swingrad::cuda {

struct MuonNumbers {
    double momentum, weight_decay;
    bool nesterov, match_rms;
};

// The polynomial of a step of Newton and Schulz' iteration, a x + b x^3 + c x^5, and how many steps there are.
struct NewtonSchulz {
    static constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
    static constexpr int steps = 5;
    static constexpr double smallest_norm = 1e-7;
};

// A weight as a matrix, row-major.
struct MuonMatrix {
    int64_t rows, columns;
    double rate;  // what its learning rate is multiplied by
    bool decays;  // whether weight decay applies

    int64_t count() const { return rows * columns; }
    int64_t small() const { return rows < columns ? rows : columns; }  // rows and columns of its Gram matrix
};

// m <- m + (1 - momentum) (g - m), the momentum; what is made orthogonal is returned.
template <class T>
SWINGRAD_HOST_DEVICE inline T muon_momentum(const MuonNumbers& of, T g, T& m) {
    const T momentum = static_cast<T>(of.momentum);
    m += static_cast<T>(1 - of.momentum) * (g - m);
    return of.nesterov ? g + momentum * (m - g) : m;
}

// An element of a I + b A + c A^2, from those of A and of A^2.
template <class T>
SWINGRAD_HOST_DEVICE inline T muon_polynomial(T gram, T square, bool diagonal) {
    const T sum = static_cast<T>(NewtonSchulz::b) * gram + static_cast<T>(NewtonSchulz::c) * square;
    return diagonal ? static_cast<T>(NewtonSchulz::a) + sum : sum;
}

template <class T>
struct MuonFactors {
    T keep, step;  // w <- keep w - step x
};

template <class T>
SWINGRAD_HOST_DEVICE inline MuonFactors<T> muon_factors(const MuonNumbers& of, const MuonMatrix& matrix,
                                                        double learning_rate) {
    const double rate = learning_rate * matrix.rate;
    const auto rows = static_cast<double>(matrix.rows), columns = static_cast<double>(matrix.columns);
    const double scale = of.match_rms ? 0.2 * std::sqrt(rows > columns ? rows : columns)
                                      : std::sqrt(rows > columns ? rows / columns : 1.0);
    return {static_cast<T>(matrix.decays ? 1 - rate * of.weight_decay : 1.0), static_cast<T>(rate * scale)};
}

// One step of one matrix, unless control says that steps are halted: learning rate and scale of the gradients from
// control, in device memory. Of the gradients g and g_copies, and of w_copies, one is null or both pairs have memory:
// g_copies and w_copies are null where the parameter has no copy. Weights w and momentum m.
template <class T>
void muon_step(const MuonMatrix& matrix, const MuonNumbers& numbers, const StepControl* control, const T* g,
               const bfloat16* g_copies, T* w, T* m, bfloat16* w_copies);

}  // namespace swingrad::cuda
