// cosine_attention and dot_attention of a window and head at a time, on vector registers (attention_head_fast.h has the
// layout). Forward's pieces are pairs of a window and a head. Backward's sums over windows are taken by groups
// (ops/sum_by_groups.h), and the position bias's gradient by pairs of tokens first, which are whole vectors, and by
// relative position at the end. Mathematics and names: ops/attention/window_attention.cpp.

#include "ops/attention/attention_head_backward_fast.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

template <class T>
void forward(const WindowAttentionOp<T>& op) {
    const AttentionProblem<T> problem(op);
    const Tensor bias = position_bias_by_key(problem);
    attend_all(problem, bias.template data<acc_type<T>>(), op.y);
}

template <class T>
void backward(const WindowAttentionOp<T>& op) {
    using W = acc_type<T>;
    const AttentionProblem<T> problem(op);
    const int64_t scores = bias_by_key_count(problem), heads = op.heads, C3 = 3 * op.C;
    const Tensor bias = position_bias_by_key(problem), dbias = Tensor::empty({scores}, dtype_of<W>());
    sum_by_groups<W>(sum_groups(problem.windows() * op.N), problem.windows(), scores + heads + C3,
                     [&](int64_t begin, int64_t end, W* sums) {
                         AttentionHead<T> s(problem, bias.data<W>());
                         for (int64_t window = begin; window < end; ++window) {
                             s.enter(window);
                             for (int64_t head = 0; head < heads; ++head)
                                 attend_backward<T>(problem, s, head, op.dy, nullptr, op.dqkv,
                                                    {sums, sums + scores, sums + scores + heads});
                         }
                     },
                     {{dbias.data<W>(), scores}, {op.dlogit_scale, heads}, {op.dpadding, C3}});
    finish_score_gradients(problem, dbias.data<W>(), op.dlogit_scale, op.dbias_table);
}

const DeclareFastPath<WindowAttentionOp> fast{[](const auto& op) { forward(op); },
                                              [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
