// sum_to on all threads, and in vector registers along the last axis. A result belongs to one piece of work, which adds
// all of its terms in order: the bits are the same for any number of threads. The last axis is the inner loop, and
// which rows belong together is looked up in tables of offsets, one entry a row. A few thousand terms are
// summed in the accumulator's type, and these sums in double, so that the error does not grow with their number.
// Mathematics: ops/reduce/broadcast.cpp.

#include "core/threads.h"
#include "cuda/reduce/broadcast.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

#include <algorithm>
#include <span>
#include <utility>

namespace swingrad {
namespace {

constexpr int64_t elements_a_piece = 1 << 14;
constexpr int64_t columns_a_piece = 64;
constexpr size_t rows_a_sum = 64;  // that are added up in the accumulator's type
constexpr int64_t columns_a_sum = 1 << 12;

// The sum of the columns of all rows, which begin in x at these offsets.
template <class T>
long_sum_type<T> sum_of_rows(std::span<const int64_t> rows, const T* x, int64_t C) {
    long_sum_type<T> total = 0;
    for (const int64_t row : rows)
        for (int64_t begin = 0; begin < C; begin += columns_a_sum) {
            const int64_t end = std::min(C, begin + columns_a_sum);
            acc_type<T> sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t c = begin; c < end; ++c) sum += widen(x[row + c]);
            total += sum;
        }
    return total;
}

// totals[c] += the sum of column c of all rows.
template <class T>
void add_rows(std::span<const int64_t> rows, const T* x, int64_t columns, long_sum_type<T>* totals) {
    acc_type<T> sums[columns_a_piece] = {};
    for (size_t row = 0; row < rows.size(); ++row) {
        add_column_sums(1, columns, x + rows[row], sums);
        if ((row + 1) % rows_a_sum != 0 && row + 1 != rows.size()) continue;
        for (int64_t c = 0; c < columns; ++c) totals[c] += std::exchange(sums[c], acc_type<T>(0));
    }
}

template <class T>
void backward(const BroadcastOp<T>& op) {
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
                            const T* dy_rows = op.dy + first_rows[row] + from;
                            long_sum_type<T> totals[columns_a_piece] = {};
                            if (last_repeated) totals[0] = sum_of_rows(further_rows, dy_rows, C);
                            else add_rows(further_rows, dy_rows, to - from, totals);
                            for (int64_t c = from; c < to; ++c)
                                op.dx[row * dx_C + c] = narrow<T>(static_cast<acc_type<T>>(totals[c - from]));
                        }
                    });
}

const DeclareFastPath<BroadcastOp> fast{nullptr, [](const auto& op) { backward(op); }};  // forward is a plain loop

}  // namespace
}  // namespace swingrad
