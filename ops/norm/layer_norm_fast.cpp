// layer_norm in vector registers: each pass over a row takes as many of its numbers at a time as a register holds, and
// a sum is the sum of the lanes' own. The sums over rows are taken by groups (ops/sum_by_groups.h). Mathematics and
// names: ops/norm/layer_norm.cpp.

#include "core/threads.h"
#include "cuda/norm/layer_norm.h"
#include "ops/norm/layer_norm_row_fast.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

template <class T>
void forward(const LayerNormOp<T>& op) {
    using W = acc_type<T>;
    parallel_chunks(op.rows, norm_rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T* x_row = op.x + row * op.C;
            T* y_row = op.y + row * op.C;
            const auto of = row_statistics(op.C, x_row, static_cast<W>(op.eps));
            along_row<W>(op.C, [&](auto& numbers, int64_t c) {
                std::remove_reference_t<decltype(numbers)> gain, shift;
                load_vector(numbers, x_row + c);
                load_vector(gain, op.weight + c);
                load_vector(shift, op.bias + c);
                store_vector(gain * ((numbers - of.mean) * of.rstd) + shift, y_row + c);
            });
            op.mean[row] = of.mean;
            op.rstd[row] = of.rstd;
        }
    });
}

template <class T>
void backward(const LayerNormOp<T>& op) {
    using W = acc_type<T>;
    const int64_t C = op.C;
    sum_by_groups<W>(sum_groups(op.rows), op.rows, 2 * C,
                     [=](int64_t begin, int64_t end, W* sums) {
                         for (int64_t row = begin; row < end; ++row)
                             row_backward<T>(C, op.x + row * C, {op.mean[row], op.rstd[row]}, op.weight,
                                             op.dy + row * C, W(1), op.dx + row * C, sums, sums + C);
                     },
                     {{op.dweight, C}, {op.dbias, C}});
}

const DeclareFastPath<LayerNormOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
