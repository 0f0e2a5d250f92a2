// The ends of a training step that belong to no operation. draw_keeps and restore_where_halted: a thread a number;
// write_streams: a thread a row. close_step: one thread, for all it does is write a record. None has anything to do
// with the speed of training.

#include "cuda/optim/training_step.h"

#include "cuda/toolkit/kernel.h"

#include <cmath>

namespace swingrad::cuda {

template <class W>
__global__ void draw_keeps_kernel(int64_t R, int64_t B, const double* rates, Random random, W* keep) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= R * B) return;
    const int64_t r = i / B, b = i % B;
    const double q = 1 - rates[r];
    const float u = random.split(static_cast<uint64_t>(r)).uniform(static_cast<uint64_t>(b));
    keep[i] = static_cast<double>(u) < q ? static_cast<W>(1 / q) : W(0);
}

__global__ void write_streams_kernel(int64_t R, uint64_t first, Random random, int64_t* to) {
    const int64_t r = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (r >= R) return;
    const Random one = random.split(first + static_cast<uint64_t>(r));
    to[2 * r] = static_cast<int64_t>(one.seed);
    to[2 * r + 1] = static_cast<int64_t>(one.stream);
}

__global__ void write_random_kernel(Random random, int64_t* to) {
    to[0] = static_cast<int64_t>(random.seed);
    to[1] = static_cast<int64_t>(random.stream);
}

template <class W>
__global__ void close_step_kernel(const W* loss, const double* norm, double max_norm, StepControl* control) {
    const int32_t current = ++control->current;
    control->records[current] = {static_cast<double>(*loss), *norm, control->correct};
    control->correct = 0;
    if (!std::isfinite(*loss) || !std::isfinite(*norm)) control->halted = 1;
    const double factor = max_norm / (*norm + 1e-6);
    control->gradient_scale = max_norm > 0 && factor < 1 ? factor : 1;
}

template <class W>
__global__ void restore_where_halted_kernel(int64_t count, const W* before, W* buffers, const StepControl* control) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < count && control->halted) buffers[i] = before[i];
}

// ---- launchers

template <class W>
void draw_keeps(int64_t R, int64_t B, const double* rates, Random random, W* keep) {
    if (R * B == 0) return;
    launch(draw_keeps_kernel<W>, blocks_for(R * B, 256), 256, 0, compute_stream(), R, B, rates, random, keep);
}

void write_streams(int64_t R, uint64_t first, Random random, int64_t* to) {
    if (R == 0) return;
    launch(write_streams_kernel, blocks_for(R, 256), 256, 0, compute_stream(), R, first, random, to);
}

void write_random(Random random, int64_t* to) { launch(write_random_kernel, 1, 1, 0, compute_stream(), random, to); }

template <class W>
void close_step(const W* loss, const double* norm, double max_norm, StepControl* control) {
    launch(close_step_kernel<W>, 1, 1, 0, compute_stream(), loss, norm, max_norm, control);
}

template <class W>
void restore_where_halted(int64_t count, const W* before, W* buffers, const StepControl* control) {
    if (count == 0) return;
    launch(restore_where_halted_kernel<W>, blocks_for(count, 256), 256, 0, compute_stream(), count, before, buffers,
           control);
}

#define INSTANTIATE(W)                                                       \
    template void draw_keeps(int64_t, int64_t, const double*, Random, W*);   \
    template void close_step(const W*, const double*, double, StepControl*); \
    template void restore_where_halted(int64_t, const W*, W*, const StepControl*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace swingrad::cuda
