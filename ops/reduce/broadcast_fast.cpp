// sum_to on all threads, and in vector registers along the last axis. A result belongs to one piece of work, which adds
// all of its terms in order: the bits are the same for any number of threads. The last axis is the inner loop, and
// which rows belong together is looked up in tables of offsets, one entry a row. Mathematics: ops/reduce/broadcast.cpp.

#include "core/threads.h"
#include "cuda/reduce/broadcast.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

#include <algorithm>
#include <vector>

namespace swingrad {
namespace {

constexpr int64_t elements_a_piece = 1 << 14;
constexpr int64_t columns_a_piece = 64;

template <class T>
void backward(const BroadcastOp<T>& op) {
    using A = acc_type<T>;
    if (op.small == 0) return;
    const int64_t C = op.axes.row_size();
    const bool last_repeated = op.axes.row_stride() == 0;
    const int64_t dx_C = last_repeated ? 1 : C;
    // Rows of dy: the first that belongs to each row of dx, and from there to the others.
    cuda::Axes first = cuda::Axes::of(op.axes.shape()), further = first;
    for (int axis = 0; axis < op.axes.count - 1; ++axis) (op.axes.strides[axis] == 0 ? first : further).sizes[axis] = 1;
    const auto first_rows = first.row_offsets(), further_rows = further.row_offsets();
    const auto rows = std::ssize(first_rows);
    // A sum over many rows into one, the gradient of a bias, is cut along the columns.
    const int64_t cuts = std::max<int64_t>(1, (dx_C + columns_a_piece - 1) / columns_a_piece);
    const int64_t terms = std::ssize(further_rows) * std::max<int64_t>(1, C / cuts);
    parallel_chunks(rows * cuts, std::max<int64_t>(1, elements_a_piece / std::max<int64_t>(1, terms)),
                    [&](int64_t begin, int64_t end) {
                        for (int64_t piece = begin; piece < end; ++piece) {
                            const int64_t row = piece / cuts, from = dx_C * (piece % cuts) / cuts,
                                          to = dx_C * (piece % cuts + 1) / cuts;
                            A sums[columns_a_piece] = {};
                            for (const int64_t further_row : further_rows) {
                                const T* dy_row = op.dy + first_rows[row] + further_row;
                                if (last_repeated) {
                                    A sum = 0;
#pragma omp simd reduction(+ : sum)
                                    for (int64_t c = 0; c < C; ++c) sum += widen(dy_row[c]);
                                    sums[0] += sum;
                                } else {
                                    add_column_sums(1, to - from, dy_row + from, sums);
                                }
                            }
                            for (int64_t c = from; c < to; ++c) op.dx[row * dx_C + c] = narrow<T>(sums[c - from]);
                        }
                    });
}

const DeclareFastPath<BroadcastOp> fast{nullptr, [](const auto& op) { backward(op); }};  // forward is a plain loop

}  // namespace
}  // namespace swingrad
