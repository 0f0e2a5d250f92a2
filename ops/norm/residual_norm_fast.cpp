// residual_norm in vector registers, as layer_norm_fast.cpp: the norm, keep_b and the sum with x in one pass over a
// row. The sums over rows are taken by groups (ops/sum_by_groups.h). Mathematics and names: ops/norm/residual_norm.cpp.

#include "core/threads.h"
#include "cuda/norm/residual_norm.h"
#include "ops/norm/layer_norm_row_fast.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

#include <algorithm>

namespace swingrad {
namespace {

template <class T>
void forward(const ResidualNormOp<T>& op) {
    using W = acc_type<T>;
    const int64_t C = op.C;
    parallel_chunks(op.B * op.N, norm_rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const int64_t b = row / op.N, k = op.place[b];
            const T* x_row = op.x + row * C;
            T* out_row = op.out + row * C;
            if (k < 0) {
                std::copy_n(x_row, C, out_row);
                continue;
            }
            const int64_t y_at = k * op.N + row % op.N;
            const T* y_row = op.y + y_at * C;
            const W keep_b = op.keep ? op.keep[b] : W(1);
            const auto of = row_statistics(C, y_row, static_cast<W>(op.eps));
            along_row<W>(C, [&](auto& numbers, int64_t c) {
                std::remove_reference_t<decltype(numbers)> gain, shift, before;
                load_vector(numbers, y_row + c);
                load_vector(gain, op.weight + c);
                load_vector(shift, op.bias + c);
                load_vector(before, x_row + c);
                store_vector(before + keep_b * (gain * ((numbers - of.mean) * of.rstd) + shift), out_row + c);
            });
            op.mean[y_at] = of.mean;
            op.rstd[y_at] = of.rstd;
        }
    });
}

template <class T>
void backward(const ResidualNormOp<T>& op) {
    using W = acc_type<T>;
    const int64_t C = op.C, rows = op.K * op.N;
    std::vector<int64_t> sample;  // [K]: y's sample k is x's sample[k]
    for (int64_t b = 0; b < op.B; ++b)
        if (op.place[b] >= 0) sample.push_back(b);
    sum_by_groups<W>(sum_groups(rows), rows, 2 * C,
                     [&](int64_t begin, int64_t end, W* sums) {
                         for (int64_t row = begin; row < end; ++row) {
                             const int64_t b = sample[row / op.N], x_at = b * op.N + row % op.N;
                             const W keep_b = op.keep ? op.keep[b] : W(1);
                             row_backward<T>(C, op.y + row * C, {op.mean[row], op.rstd[row]}, op.weight,
                                             op.dout + x_at * C, keep_b, op.dy + row * C, sums, sums + C);
                         }
                     },
                     {{op.dweight, C}, {op.dbias, C}});
}

const DeclareFastPath<ResidualNormOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
