// multi_head_attention(x [B, H, W, C], qkv_weight [3C, C], qkv_bias [3C] or none, heads, logit_scale [h, 1, 1] or none,
//                      table [R, h] or none, proj_weight [C, C], proj_bias [C], map) -> [B, H, W, C]
//
//   qkv = x qkv_weight^T + qkv_bias       o = attention within windows, of qkv       y = o proj_weight^T + proj_bias
//
// A transformer block's other half, beside mlp: attention (ops/attention/window_attention.cpp: cosine_attention where there is a
// logit_scale, else dot_attention) between the two products that make its inputs and mix its heads. It is one operation
// because what lies between x and y is needed only from one of the three steps to the next: it is made for a piece of
// windows at a time, gemm_rows tokens or one window if that has more, in scratch memory that stays in the cache; of all
// of it only qkv is kept. A piece's tokens are gathered before the first product and scattered after the last, so that
// the steps between know nothing of shifts, and a padded token is a row of zeros, whose q, k and v are the bias and
// whose result is dropped.
//
// Backward, for a piece of windows, with the formulas of ops/linear/linear.cpp and ops/attention/window_attention.cpp:
//
//   do = dy proj_weight            dproj_weight += dy^T o         dproj_bias += sum dy
//   dqkv and o, of qkv and do      dlogit_scale, dtable
//   dx = dqkv qkv_weight           dqkv_weight += dqkv^T x        dqkv_bias += sum dqkv
//
// where dy is 0 for padded tokens, and their dx is dropped.
//
// Saved: x, qkv in the order of the windows, both weights, logit_scale and table. Not o: backward has the attention's
// weights at hand, and o is one more small product.
// Fused from: linear, cosine_attention or dot_attention, linear. On a device it is those three, whose products are a
// library's.
// Source: Vaswani et al., "Attention is all you need", arXiv 1706.03762, section 3.2.2; Liu et al., arXiv 2103.14030
// and 2111.09883, section 3.2 of both. Test: tests/attention/test_multi_head_attention.cpp.

#include "autograd/gradcheck.h"
#include "core/gemm/gemm.h"
#include "core/operands.h"
#include "core/gemm/packed_operand.h"
#include "core/threads.h"
#include "ops/attention/attention_head_backward.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"
#include "ops/attention/window_rows.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// The inputs of a node, in this order; or their gradients.
struct Operands {
    Tensor x, qkv_weight, qkv_bias, logit_scale, table, proj_weight, proj_bias;

    std::vector<Tensor> all() const { return {x, qkv_weight, qkv_bias, logit_scale, table, proj_weight, proj_bias}; }
    // What backward needs of the inputs: no bias.
    Operands kept() const {
        return {x.detached(),     qkv_weight.detached(),  {}, logit_scale.detached(),
                table.detached(), proj_weight.detached(), {}};
    }
};

struct Inputs : Operands {
    int64_t heads = 0;
    WindowMap map;

    int64_t C() const { return x.shape()[3]; }
    int64_t slots() const { return x.shape()[0] * map->windows * map->tokens; }  // tokens of all windows, padding too
};

void check_inputs(const Inputs& in) {
    constexpr const char* op = "multi_head_attention";
    const auto [rows, columns] = in.map->map;
    check(in.x.shape().rank() == 4 && in.x.shape()[1] == rows && in.x.shape()[2] == columns,
          "[{}] x must be [B, {}, {}, C], got {}", op, rows, columns, in.x.shape());
    const int64_t C = in.x.shape()[3];
    check(C > 0, "[{}] x must have channels, got {}", op, in.x.shape());
    check(in.qkv_weight.shape() == Shape{3 * C, C}, "[{}] qkv_weight must be [{}, {}], got {}", op, 3 * C, C,
          in.qkv_weight.shape());
    check(!in.qkv_bias.defined() || in.qkv_bias.shape() == Shape{3 * C}, "[{}] qkv_bias must be [{}], got {}", op,
          3 * C, in.qkv_bias.shape());
    check_scores(op, C, in.heads, in.logit_scale, in.table, *in.map);
    check(in.proj_weight.shape() == Shape{C, C}, "[{}] proj_weight must be [{}, {}], got {}", op, C, C,
          in.proj_weight.shape());
    check(in.proj_bias.shape() == Shape{C}, "[{}] proj_bias must be [{}], got {}", op, C, in.proj_bias.shape());
    check_one_device(op, {{"x", in.x},
                          {"qkv_weight", in.qkv_weight},
                          {"qkv_bias", in.qkv_bias},
                          {"logit_scale", in.logit_scale},
                          {"table", in.table},
                          {"proj_weight", in.proj_weight},
                          {"proj_bias", in.proj_bias}});
}

// The attention between the products, of qkv in the order of the windows from `first_window` on.
template <class T>
AttentionProblem<T> attention_of(const Inputs& in, const T* qkv, int64_t first_window) {
    using W = acc_type<T>;
    AttentionProblem<T> problem(*in.map, in.x.shape()[0], in.C(), in.heads, qkv, nullptr,
                                data_or_null<W>(in.logit_scale), data_or_null<W>(in.table));
    problem.in_windows = true;
    problem.first_window = first_window;
    return problem;
}

// ---- CPU forward. qkv, in the order of the windows: where the first product goes; null where nobody will want it
// again.

template <class T>
void forward(const Inputs& in, T* qkv, T* y) {
    using W = acc_type<T>;
    const WindowTable& map = *in.map;
    const int64_t C = in.C(), N = map.tokens, windows = in.slots() / N;
    const T *x = in.x.data<T>(), *qkv_weight = in.qkv_weight.data<T>(), *proj_weight = in.proj_weight.data<T>();
    const W *qkv_bias = data_or_null<W>(in.qkv_bias), *proj_bias = in.proj_bias.data<W>();
    const Tensor bias = position_bias_by_key(attention_of<T>(in, nullptr, 0));

    // The windows [begin, end), by three steps that each know how to share their work.
    const auto piece = [&](int64_t begin, int64_t end, const auto& make_qkv, const auto& attend, const auto& project) {
        const int64_t rows = (end - begin) * N;
        const Tensor scratch = Tensor::empty({rows, qkv ? 2 * C : 5 * C}, dtype_of<T>());
        T *of_map = scratch.data<T>(), *o = of_map + rows * C, *qkv_rows = qkv ? qkv + begin * N * 3 * C : o + rows * C;
        gather_windows(map, begin, end, C, x, of_map);
        make_qkv(rows, of_map, qkv_rows);
        attend(attention_of<T>(in, qkv_rows, begin), o);
        project(rows, o, of_map);
        scatter_windows(map, begin, end, C, of_map, y);
    };
    // Few tokens, or few windows: all of them at once, each step on all threads.
    if (few_rows(windows * N) || windows < 8)
        return piece(
            0, windows,
            [&](int64_t rows, const T* from, T* to) {
                multiply_by_weight(rows, C, 3 * C, from, qkv_weight, qkv_bias, to);
            },
            [&](const AttentionProblem<T>& problem, T* o) { attend_all(problem, bias.data<W>(), o); },
            [&](int64_t rows, const T* from, T* to) {
                multiply_by_weight(rows, C, C, from, proj_weight, proj_bias, to);
            });
    const PackedOperand<T> qkv_weight_t(transposed, 3 * C, C, qkv_weight, C),
        proj_weight_t(transposed, C, C, proj_weight, C);
    parallel_chunks(windows, std::max<int64_t>(1, rows_a_piece(windows * N) / N), [&](int64_t begin, int64_t end) {
        piece(
            begin, end,
            [&](int64_t rows, const T* from, T* to) {
                multiply(plain, rows, from, C, qkv_weight_t, to, 3 * C, InitialValue<W>::row(qkv_bias));
            },
            [&](const AttentionProblem<T>& problem, T* o) {
                attend_pairs(problem, bias.data<W>(), begin * in.heads, end * in.heads, o);
            },
            [&](int64_t rows, const T* from, T* to) {
                multiply(plain, rows, from, C, proj_weight_t, to, C, InitialValue<W>::row(proj_bias));
            });
    });
}

// ---- CPU backward

template <class T>
void backward(const Inputs& in, const T* qkv, const T* dy, const Operands& gradients) {
    using W = acc_type<T>;
    const WindowTable& map = *in.map;
    const int64_t C = in.C(), C3 = 3 * C, N = map.tokens, rows_of_all = in.slots(), heads = in.heads;
    const AttentionProblem<T> whole = attention_of<T>(in, qkv, 0);
    const int64_t scores = bias_by_key_count(whole), width = C3 * C + C3 + C * C + C + scores + heads,
                  windows_a_piece = std::max<int64_t>(1, gemm_rows / N);
    const Tensor bias = position_bias_by_key(whole), dbias = Tensor::empty({scores}, dtype_of<W>());
    const PackedOperand<T> qkv_weight(plain, C, C3, in.qkv_weight.data<T>(), C),
        proj_weight(plain, C, C, in.proj_weight.data<T>(), C);
    const auto body = [&](int64_t group_begin, int64_t group_end, W* sums) {
        W *dqkv_weight = sums, *dproj_weight = dqkv_weight + C3 * C, *dqkv_bias = dproj_weight + C * C,
          *dproj_bias = dqkv_bias + C3, *dscores = dproj_bias + C, *dlogit_scale = dscores + scores;
        const Tensor scratch = Tensor::empty({windows_a_piece * N, 6 * C}, dtype_of<T>());
        for (int64_t begin = group_begin; begin < group_end; begin += windows_a_piece) {
            const int64_t end = std::min(group_end, begin + windows_a_piece), rows = (end - begin) * N;
            const bool adds = begin > group_begin;
            T *of_map = scratch.data<T>(), *o = of_map + rows * C, *d_o = o + rows * C, *dqkv = d_o + rows * C;
            T* const dy_rows = of_map;
            gather_windows(map, begin, end, C, dy, dy_rows);
            // forward: y = o proj_weight^T + proj_bias, so:
            multiply(plain, rows, dy_rows, C, proj_weight, d_o, C);
            const AttentionProblem<T> problem = attention_of(in, qkv + begin * N * C3, begin);
            AttentionHead<T> s(problem, bias.data<W>());
            for (int64_t window = begin; window < end; ++window) {
                s.enter(window);
                for (int64_t head = 0; head < heads; ++head)
                    attend_backward(problem, s, head, d_o, o, dqkv, {dscores, dlogit_scale, nullptr});
            }
            gemm_block(transposed, plain, C, C, rows, dy_rows, C, o, C, dproj_weight, C, adds);
            add_column_sums(rows, C, dy_rows, dproj_bias);
            // forward: qkv = x qkv_weight^T + qkv_bias, so:
            T *const x_rows = of_map, *const dx_rows = d_o;
            multiply(plain, rows, dqkv, C3, qkv_weight, dx_rows, C);
            scatter_windows(map, begin, end, C, dx_rows, gradients.x.data<T>());
            gather_windows(map, begin, end, C, in.x.data<T>(), x_rows);
            gemm_block(transposed, plain, C3, C, rows, dqkv, C3, x_rows, C, dqkv_weight, C, adds);
            add_column_sums(rows, C3, dqkv, dqkv_bias);
        }
    };
    sum_by_groups<W>(groups_of_weights(rows_of_all, C), rows_of_all / N, width, body,
                     {{gradients.qkv_weight.data<T>(), C3 * C},
                      {gradients.proj_weight.data<T>(), C * C},
                      {gradients.qkv_bias.data<W>(), C3},
                      {gradients.proj_bias.data<W>(), C},
                      {dbias.data<W>(), scores},
                      {gradients.logit_scale.data<W>(), heads}},
                     C3 * C + C * C);
    finish_score_gradients(whole, dbias.data<W>(), gradients.logit_scale.data<W>(), gradients.table.data<W>());
}

// ---- autograd node

struct MultiHeadAttentionNode final : Node {
    Inputs inputs;
    Tensor qkv;  // [B nW, N, 3C]

    std::string_view name() const override { return "multi_head_attention"; }
    std::vector<Saved> saved() const override {
        return {{"x", inputs.x},
                {"qkv", qkv},
                {"qkv_weight", inputs.qkv_weight},
                {"logit_scale", inputs.logit_scale},
                {"table", inputs.table},
                {"proj_weight", inputs.proj_weight}};
    }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const int64_t C = inputs.C();
        const DType sums = acc_dtype(dy.dtype());
        const Operands d{inputs.x.empty_like(inputs.x.shape()),
                         dy.empty_like({3 * C, C}),
                         Tensor::empty({3 * C}, sums),
                         Tensor::empty({inputs.heads, 1, 1}, sums),
                         Tensor::zeros({inputs.map->offsets(), inputs.heads}, sums),
                         dy.empty_like({C, C}),
                         Tensor::empty({C}, sums)};
        dispatch_any_float(name(), dy.dtype(),
                           [&]<class T>(T) { swingrad::backward(inputs, qkv.data<T>(), dy.data<T>(), d); });
        std::vector<Tensor> all = d.all();
        for (size_t i = 0; i < all.size(); ++i)
            if (!needs_input_grad[i]) all[i] = {};  // what was left out has no gradient
        return all;
    }
};

Tensor on_device(const Inputs& in) {
    const Tensor qkv = linear(in.x, in.qkv_weight, in.qkv_bias), padding = padding_of(in.x, in.qkv_bias, *in.map);
    const Tensor o = in.logit_scale.defined() ? cosine_attention(qkv, padding, in.logit_scale, in.table, in.map)
                                              : dot_attention(qkv, padding, in.heads, in.table, in.map);
    return linear(o, in.proj_weight, in.proj_bias);
}

}  // namespace

// ---- public function

Tensor multi_head_attention(const Tensor& x, const Tensor& qkv_weight, const Tensor& qkv_bias, int64_t heads,
                            const Tensor& logit_scale, const Tensor& table, const Tensor& proj_weight,
                            const Tensor& proj_bias, const WindowMap& map) {
    const Inputs in{{x, qkv_weight, qkv_bias, logit_scale, table, proj_weight, proj_bias}, heads, map};
    check_inputs(in);
    if (x.device() == Device::cuda) return on_device(in);
    const bool keep = recording(in.all());
    const Tensor qkv = keep ? x.empty_like({x.shape()[0] * map->windows, map->tokens, 3 * x.shape()[3]}) : Tensor();
    const Tensor y = x.empty_like(x.shape());
    dispatch_any_float("multi_head_attention", x.dtype(),
                       [&]<class T>(T) { forward(in, data_or_null<T>(qkv), y.data<T>()); });
    if (!keep) return y;
    auto node = std::make_unique<MultiHeadAttentionNode>();
    node->inputs = {in.kept(), heads, map};
    node->qkv = qkv;
    return record(std::move(node), in.all(), y);
}

// ---- gradient checks: shifted and padded in both orders; with everything, one head above the clamp, and with as
// little as can be

namespace {

const GradcheckOptions loose{.eps = 1e-6, .atol = 1e-6, .rtol = 1e-5, .seed = 0, .mutate = {}};

}  // namespace

const DeclareGradientCase multi_head_attention_case{{
    "multi_head_attention",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5, 6}, random.split(0)), random_tensor({18, 6}, random.split(1), 0.5),
                random_tensor({18}, random.split(2)),         Tensor::from({2, 1, 1}, std::vector<double>{1.3, 4.7}),
                random_tensor({15, 2}, random.split(3)),      random_tensor({6, 6}, random.split(4), 0.5),
                random_tensor({6}, random.split(5))};
    },
    [](const std::vector<Tensor>& in) {
        return multi_head_attention(in[0], in[1], in[2], 2, in[3], in[4], in[5], in[6],
                                    make_window_map({3, 5}, {2, 3}, {1, 1}));
    },
    loose,
}};

const DeclareGradientCase multi_head_attention_dot_case{{
    "multi_head_attention/dot",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5, 4}, random.split(0)), random_tensor({12, 4}, random.split(1)),
                random_tensor({4, 4}, random.split(2)), random_tensor({4}, random.split(3))};
    },
    [](const std::vector<Tensor>& in) {
        return multi_head_attention(in[0], in[1], {}, 2, {}, {}, in[2], in[3],
                                    make_window_map({3, 5}, {2, 2}, {1, 1}, PaddingOrder::after_shift));
    },
    loose,
}};

}  // namespace swingrad
