// sequential_attention by tiles of queries and of keys, each tile's products on vector registers
// (sequential_head_fast.h). A piece of work is one head of one window; backward's sums over windows are taken by groups
// (ops/sum_by_groups.h). Mathematics and names: ops/attention/sequential_attention.cpp.

#include "core/threads.h"
#include "cuda/attention/sequential_attention.h"
#include "ops/attention/sequential_head_fast.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

template <class T>
void forward(const SequentialAttentionOp<T>& op) {
    const AttentionProblem<T> problem(op);
    const int64_t heads = op.heads;
    parallel_chunks(problem.windows() * heads, heads, [&](int64_t begin, int64_t end) {
        SequentialHead<T> s(problem);
        for (int64_t piece = begin; piece < end; ++piece) {
            const int64_t head = piece % heads;
            s.load(piece / heads, head);
            s.forward();
            for (int64_t t = 0; t < s.N; ++t)
                if (const int64_t row = s.rows[static_cast<size_t>(t)]; row >= 0) {
                    narrow_row(op.D, s.o + t * s.Dp, op.y + row * op.C + head * op.D);
                    op.logsumexp[row * heads + head] = s.logsumexp[t];
                }
        }
    });
}

// What a window and head need of y, dy and logsumexp. A padded query's logsumexp is infinite, which makes its P 0.
template <class T>
void load_results(const SequentialAttentionOp<T>& op, SequentialHead<T>& s, int64_t head) {
    using W = acc_type<T>;
    const int64_t D = op.D;
    for (int64_t t = 0; t < s.N; ++t) {
        const int64_t row = s.rows[static_cast<size_t>(t)], at = row * op.C + head * D;
        s.delta[t] = 0;
        std::fill_n(s.do_ + t * s.Dp, D, W(0));
        s.logsumexp[t] = row < 0 ? std::numeric_limits<W>::infinity() : op.logsumexp[row * op.heads + head];
        if (row < 0) continue;
        for (int64_t d = 0; d < D; ++d) {
            s.do_[t * s.Dp + d] = widen(op.dy[at + d]);
            s.delta[t] += widen(op.dy[at + d]) * widen(op.y[at + d]);
        }
    }
}

// dq, dk and dv of a window and head to their places.
template <class T>
void put(const SequentialAttentionOp<T>& op, const SequentialHead<T>& s, int64_t head, acc_type<T>* dpadding) {
    const acc_type<T>* parts[] = {s.dq, s.dk, s.dv};
    for (int64_t t = 0; t < s.N; ++t) {
        const int64_t row = s.rows[static_cast<size_t>(t)];
        for (int64_t part = 0; part < 3; ++part) {
            const acc_type<T>* from = parts[part] + t * s.Dp;
            const int64_t column = part * op.C + head * op.D;
            if (row >= 0) narrow_row(op.D, from, op.dqkv + row * 3 * op.C + column);
            else
                for (int64_t d = 0; d < op.D; ++d) dpadding[column + d] += from[d];
        }
    }
}

template <class T>
void backward(const SequentialAttentionOp<T>& op) {
    using W = acc_type<T>;
    const AttentionProblem<T> problem(op);
    const int64_t heads = op.heads, pieces = problem.windows() * heads, entries = op.offsets * heads, C3 = 3 * op.C;
    sum_by_groups<W>(sum_groups(pieces * op.N), pieces, entries + heads + C3,
                     [&](int64_t begin, int64_t end, W* sums) {
                         SequentialHead<T> s(problem);
                         for (int64_t piece = begin; piece < end; ++piece) {
                             const int64_t head = piece % heads;
                             s.load(piece / heads, head);
                             load_results(op, s, head);
                             s.backward(sums, sums[entries + head]);
                             put(op, s, head, sums + entries + heads);
                         }
                     },
                     {{op.dbias_table, entries}, {op.dlogit_scale, heads}, {op.dpadding, C3}});
    for (int64_t head = 0; head < heads; ++head)
        if (op.dlogit_scale && problem.scale_is_clamped(head)) op.dlogit_scale[head] = 0;
}

const DeclareFastPath<SequentialAttentionOp> fast{[](const auto& op) { forward(op); },
                                                  [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
