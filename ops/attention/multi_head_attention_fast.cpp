// multi_head_attention by pieces of windows, gemm_rows tokens or one window if that has more: what lies between x and y
// is needed only from one of the three steps to the next, so it is made for a piece at a time, in scratch memory that
// stays in the cache; of all of it only qkv is kept. A piece's tokens are gathered before the first product and
// scattered after the last. Products take packed operands (core/gemm/packed_operand.h); attention is that of
// attention_head_fast.h. Backward adds dproj_weight and dqkv_weight up over the pieces of a group
// (ops/sum_by_groups.h). Mathematics and names: ops/attention/multi_head_attention.cpp.

#include "core/gemm/gemm.h"
#include "core/gemm/packed_operand.h"
#include "core/threads.h"
#include "ops/attention/attention_head_backward_fast.h"
#include "ops/attention/multi_head_attention.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// The tokens of the windows [begin, end), counted over all images, one after the other, padding as zeros.
template <class T>
void gather(const MultiHeadAttentionOp<T>& op, int64_t begin, int64_t end, const T* map, T* rows) {
    const int64_t C = op.attention.C, N = op.attention.N;
    for (int64_t window = begin; window < end; ++window)
        for (int64_t t = 0; t < N; ++t, rows += C)
            if (const int64_t row = op.attention.row_of(window, t); row >= 0) std::copy_n(map + row * C, C, rows);
            else std::fill_n(rows, C, T(0));
}
// Back again, padding dropped.
template <class T>
void scatter(const MultiHeadAttentionOp<T>& op, int64_t begin, int64_t end, const T* rows, T* map) {
    const int64_t C = op.attention.C, N = op.attention.N;
    for (int64_t window = begin; window < end; ++window)
        for (int64_t t = 0; t < N; ++t, rows += C)
            if (const int64_t row = op.attention.row_of(window, t); row >= 0) std::copy_n(rows, C, map + row * C);
}

template <class T>
void forward(const MultiHeadAttentionOp<T>& op) {
    using W = acc_type<T>;
    const int64_t C = op.attention.C, N = op.attention.N, windows = op.tokens() / N, heads = op.attention.heads;
    const Tensor bias = position_bias_by_key(AttentionProblem<T>(op.attention));

    // The windows [begin, end), by three steps that each know how to share their work.
    const auto piece = [&](int64_t begin, int64_t end, const auto& make_qkv, const auto& attend, const auto& project) {
        const int64_t rows = (end - begin) * N;
        const Tensor scratch = Tensor::empty({rows, op.qkv ? 2 * C : 5 * C}, dtype_of<T>());
        T *of_map = scratch.data<T>(), *o = of_map + rows * C,
          *qkv_rows = op.qkv ? op.qkv + begin * N * 3 * C : o + rows * C;
        gather(op, begin, end, op.x, of_map);
        make_qkv(rows, of_map, qkv_rows);
        const WindowAttentionOp<T> attention = op.in_windows(qkv_rows, o);
        attend(AttentionProblem<T>(attention, begin), o);
        project(rows, o, of_map);
        scatter(op, begin, end, of_map, op.y);
    };
    // Few tokens, or few windows: all of them at once, each step on all threads.
    if (few_rows(windows * N) || windows < 8)
        return piece(
            0, windows,
            [&](int64_t rows, const T* from, T* to) {
                multiply_by_weight(rows, C, 3 * C, from, op.qkv_weight, op.qkv_bias, to);
            },
            [&](const AttentionProblem<T>& problem, T* o) { attend_all(problem, bias.data<W>(), o); },
            [&](int64_t rows, const T* from, T* to) {
                multiply_by_weight(rows, C, C, from, op.proj_weight, op.proj_bias, to);
            });
    const PackedOperand<T> qkv_weight_t(transposed, 3 * C, C, op.qkv_weight, C),
        proj_weight_t(transposed, C, C, op.proj_weight, C);
    parallel_chunks(windows, std::max<int64_t>(1, rows_a_piece(windows * N) / N), [&](int64_t begin, int64_t end) {
        piece(
            begin, end,
            [&](int64_t rows, const T* from, T* to) {
                multiply(plain, rows, from, C, qkv_weight_t, to, 3 * C, InitialValue<W>::row(op.qkv_bias));
            },
            [&](const AttentionProblem<T>& problem, T* o) {
                attend_pairs(problem, bias.data<W>(), begin * heads, end * heads, o);
            },
            [&](int64_t rows, const T* from, T* to) {
                multiply(plain, rows, from, C, proj_weight_t, to, C, InitialValue<W>::row(op.proj_bias));
            });
    });
}

template <class T>
void backward(const MultiHeadAttentionOp<T>& op) {
    using W = acc_type<T>;
    const int64_t C = op.attention.C, C3 = 3 * C, N = op.attention.N, rows_of_all = op.tokens(),
                  heads = op.attention.heads;
    const AttentionProblem<T> whole(op.attention);
    const int64_t scores = bias_by_key_count(whole), width = C3 * C + C3 + C * C + C + scores + heads,
                  windows_a_piece = std::max<int64_t>(1, gemm_rows / N);
    const Tensor bias = position_bias_by_key(whole), dbias = Tensor::empty({scores}, dtype_of<W>());
    const PackedOperand<T> qkv_weight(plain, C, C3, op.qkv_weight, C), proj_weight(plain, C, C, op.proj_weight, C);
    // One group is no piece of parallel work: each of its steps goes to all threads.
    const int64_t groups = groups_of_weights(rows_of_all, C);
    const auto product_of_rows = [&](int64_t rows, const T* a, int64_t lda, const PackedOperand<T>& b, T* c) {
        if (groups == 1) multiply_rows(rows, a, lda, b, c, C);
        else multiply(plain, rows, a, lda, b, c, C);
    };
    const auto weight_gradient = [&](int64_t outputs, int64_t rows, const T* dy, const T* x, W* sum, bool adds) {
        if (groups == 1) gemm(transposed, plain, outputs, C, rows, dy, outputs, x, C, sum, C, adds);
        else gemm_block(transposed, plain, outputs, C, rows, dy, outputs, x, C, sum, C, adds);
    };
    const auto body = [&](int64_t group_begin, int64_t group_end, W* sums) {
        W *dqkv_weight = sums, *dproj_weight = dqkv_weight + C3 * C, *dqkv_bias = dproj_weight + C * C,
          *dproj_bias = dqkv_bias + C3, *dscores = dproj_bias + C, *dlogit_scale = dscores + scores;
        const Tensor scratch = Tensor::empty({windows_a_piece * N, 6 * C}, dtype_of<T>());
        for (int64_t begin = group_begin; begin < group_end; begin += windows_a_piece) {
            const int64_t end = std::min(group_end, begin + windows_a_piece), rows = (end - begin) * N;
            const bool adds = begin > group_begin;
            T *of_map = scratch.data<T>(), *o = of_map + rows * C, *d_o = o + rows * C, *dqkv = d_o + rows * C;
            T* const dy_rows = of_map;
            gather(op, begin, end, op.dy, dy_rows);
            // forward: y = o proj_weight^T + proj_bias, so:
            product_of_rows(rows, dy_rows, C, proj_weight, d_o);
            const WindowAttentionOp<T> attention = op.in_windows(op.qkv + begin * N * C3, o);
            const AttentionProblem<T> problem(attention, begin);
            const auto attend = [&](int64_t head_begin, int64_t head_end) {
                AttentionHead<T> s(problem, bias.data<W>());
                for (int64_t window = begin; window < end; ++window) {
                    s.enter(window);
                    for (int64_t head = head_begin; head < head_end; ++head)
                        attend_backward(problem, s, head, d_o, o, dqkv, {dscores, dlogit_scale, nullptr});
                }
            };
            parallel_chunks(heads, groups == 1 ? 1 : heads, attend);
            weight_gradient(C, rows, dy_rows, o, dproj_weight, adds);
            add_column_sums(rows, C, dy_rows, dproj_bias);
            // forward: qkv = x qkv_weight^T + qkv_bias, so:
            T *const x_rows = of_map, *const dx_rows = d_o;
            product_of_rows(rows, dqkv, C3, qkv_weight, dx_rows);
            if (op.dx) scatter(op, begin, end, dx_rows, op.dx);
            gather(op, begin, end, op.x, x_rows);
            weight_gradient(C3, rows, dqkv, x_rows, dqkv_weight, adds);
            add_column_sums(rows, C3, dqkv, dqkv_bias);
        }
    };
    sum_by_groups<W>(groups, rows_of_all / N, width, body,
                     {{op.dqkv_weight, C3 * C},
                      {op.dproj_weight, C * C},
                      {op.dqkv_bias, C3},
                      {op.dproj_bias, C},
                      {dbias.data<W>(), scores},
                      {op.attention.dlogit_scale, heads}},
                     C3 * C + C * C);
    finish_score_gradients(whole, dbias.data<W>(), op.attention.dlogit_scale, op.attention.dbias_table);
}

const DeclareFastPath<MultiHeadAttentionOp> fast{[](const auto& op) { forward(op); },
                                                 [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
