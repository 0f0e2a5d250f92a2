// What the kernels of training steps tell each other and, some steps later, the host: all of it lies in device memory,
// so that a step waits for nothing. Every step runs the same launches with the same arguments; what differs from step
// to step is found in StepControl by the number of the step, which the device counts itself.
#pragma once

#include "core/random.h"

#include <cstdint>

namespace swingrad::cuda {

constexpr int32_t most_unread_steps = 32;

struct StepRecord {
    double loss, gradient_norm;
    int64_t correct;  // images
};

struct StepControl {
    int32_t current = -1;       // which of the steps since the host last looked; close_step counts
    int32_t halted = 0;         // 1 from a step on whose loss or gradient is not finite: no step changes a parameter
    double gradient_scale = 1;  // what gradients are multiplied by to be clipped
    int64_t correct = 0;        // of the current step, until it is recorded (cuda/loss/count_correct.h)
    double learning_rates[most_unread_steps] = {};  // from the host
    int32_t batches[most_unread_steps] = {};        // a step, from the host, where it has several
    StepRecord records[most_unread_steps] = {};     // for the host
};

// What every residual branch of a model keeps of every sample, drawn at once: keep[r, b] of [R, B] is what
// ops/regularise/drop_path.cpp draws for sample b at rate rates[r] from random.split(r). W: float or double.
template <class W>
void draw_keeps(int64_t R, int64_t B, const double* rates, Random random, W* keep);

// Seed and stream of random.split(first + r) for each row r of `to` [R, 2], or of `random` itself into `to` [2]: what
// dropout of the next step draws from (ops/regularise/dropout.cpp).
void write_streams(int64_t R, uint64_t first, Random random, int64_t* to);
void write_random(Random random, int64_t* to);

// Between backward pass and optimiser: begins the next record, writes into it loss [1], norm [1] and what was counted
// correct, sets the scale that clips to max_norm (0: 1), and halts where loss or norm is not finite. W: float or
// double.
template <class W>
void close_step(const W* loss, const double* norm, double max_norm, StepControl* control);

// After close_step, where a step has written to what is no parameter, such as running statistics: puts back what was
// there before it, if the step halted.
template <class W>
void restore_where_halted(int64_t count, const W* before, W* buffers, const StepControl* control);

}  // namespace swingrad::cuda
