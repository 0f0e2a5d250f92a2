// Muon. Mathematics and names: train/optim/muon.cpp.
//
// A matrix at a time, of which a model has some dozens. Elements are a thread's each, in blocks of 256; the squares of
// a matrix are summed by a block a piece of 4096 and the pieces' sums by one block, in double and in a fixed order.
// Products are cuda::gemm: three for each of five steps, 2 s^2 l + s^3 multiplications of [s, s] and [s, l]; they are
// what the time goes into, and all else is a pass over the matrix. Nothing synchronises.

#include "cuda/optim/muon.h"

#include "cuda/optim/flat_device.h"
#include "cuda/runtime/gemm.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"

#include <utility>

namespace swingrad::cuda {

template <class T>
__global__ void muon_momentum_kernel(int64_t count, MuonNumbers numbers, const StepControl* control, const T* g,
                                     const bfloat16* g_copies, T* m, T* x, double* squares) {
    const int64_t begin = int64_t{blockIdx.x} * flat_piece,
                  end = begin + flat_piece < count ? begin + flat_piece : count;
    const T scale = static_cast<T>(control->gradient_scale);
    double sum = 0;
    for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) {
        T one = 0;  // a halted step leaves the momentum alone, and its products multiply zeros
        if (!control->halted)
            one = muon_momentum(numbers, scale * (g_copies ? static_cast<T>(widen(g_copies[i])) : g[i]), m[i]);
        x[i] = one;
        sum += static_cast<double>(one) * static_cast<double>(one);
    }
    const double total = block_sum(sum);
    if (threadIdx.x == 0) squares[blockIdx.x] = total;
}

__global__ void muon_scale_kernel(int64_t count, const double* squares, double* scale) {
    double sum = 0;
    for (int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += squares[i];
    const double norm = sqrt(block_sum(sum));
    if (threadIdx.x == 0) *scale = 1 / fmax(norm, double{NewtonSchulz::smallest_norm});
}

template <class T>
__global__ void muon_normalise_kernel(int64_t count, const double* scale, T* x) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < count) x[i] *= static_cast<T>(*scale);
}

template <class T>
__global__ void muon_polynomial_kernel(int64_t s, const T* gram, T* square) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < s * s) square[i] = muon_polynomial(gram[i], square[i], i / s == i % s);
}

template <class T>
__global__ void muon_update_kernel(MuonMatrix matrix, MuonNumbers numbers, const StepControl* control, const T* x, T* w,
                                   bfloat16* w_copies) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= matrix.rows * matrix.columns || control->halted) return;
    const MuonFactors<T> f = muon_factors<T>(numbers, matrix, control->learning_rates[control->current]);
    w[i] = f.keep * w[i] - f.step * x[i];
    if (w_copies) w_copies[i] = narrow<bfloat16>(static_cast<float>(w[i]));
}

// ---- launcher

template <class T>
void muon_step(const MuonMatrix& matrix, const MuonNumbers& numbers, const StepControl* control, const T* g,
               const bfloat16* g_copies, T* w, T* m, bfloat16* w_copies) {
    const int64_t R = matrix.rows, C = matrix.columns, count = matrix.count(), s = matrix.small();
    const int64_t pieces = (count + flat_piece - 1) / flat_piece;
    const Scratch<T> first(count), second(count), gram(s * s), square(s * s);
    const Scratch<double> squares(pieces), scale(1);
    T *x = first.data(), *next = second.data();
    launch(muon_momentum_kernel<T>, static_cast<unsigned>(pieces), flat_threads, 0, compute_stream(), count, numbers,
           control, g, g_copies, m, x, squares.data());
    launch(muon_scale_kernel, 1, flat_threads, 0, compute_stream(), pieces, squares.data(), scale.data());
    launch(muon_normalise_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), count, scale.data(), x);
    const bool tall = R > C;
    constexpr Layout plain = Layout::plain, transposed = Layout::transposed;
    for (int i = 0; i < NewtonSchulz::steps; ++i) {
        if (tall) cuda::gemm(transposed, plain, s, s, R, x, C, x, C, gram.data(), s, false);
        else cuda::gemm(plain, transposed, s, s, C, x, C, x, C, gram.data(), s, false);
        cuda::gemm(plain, plain, s, s, s, gram.data(), s, gram.data(), s, square.data(), s, false);
        launch(muon_polynomial_kernel<T>, blocks_for(s * s, 256), 256, 0, compute_stream(), s, gram.data(),
               square.data());
        if (tall) cuda::gemm(plain, plain, R, C, s, x, C, square.data(), s, next, C, false);
        else cuda::gemm(plain, plain, R, C, s, square.data(), s, x, C, next, C, false);
        std::swap(x, next);
    }
    launch(muon_update_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), matrix, numbers, control, x, w,
           w_copies);
}

#define INSTANTIATE(T)                                                                                                \
    template void muon_step(const MuonMatrix&, const MuonNumbers&, const StepControl*, const T*, const bfloat16*, T*, \
                            T*, bfloat16*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace swingrad::cuda
