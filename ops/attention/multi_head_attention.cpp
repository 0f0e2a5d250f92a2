// multi_head_attention(x [B, H, W, C], qkv_weight [3C, C], qkv_bias [3C] or none, heads, logit_scale [h, 1, 1] or none,
//                      bias_table [R, h] or none, proj_weight [C, C], proj_bias [C], map) -> [B, H, W, C]
//
// What attention is. A token is a vector of C numbers that stands for one small part of an image. Most of a network
// works on each token alone; attention is how tokens learn of one another. Three learnt matrices make three vectors of
// every token: a query (what this token looks for), a key (what it offers) and a value (what it hands over). The
// product of a query and a key is a score, large where one token offers what the other looks for. The softmax of a
// query's scores makes them weights, positive, adding up to 1, and the result for that query is the mean of all values
// by these weights. A convolution mixes neighbours by learnt weights; here the weights are made anew from each image.
// Several heads do so side by side, each with D = C / h of the numbers, because a token may look for several things at
// once; a last learnt matrix, the projection, mixes what the heads found. N tokens have N^2 scores, so a token looks
// only at those of its own window; every other block shifts the windows by half, so that neighbours meet across their
// borders.
//
//   qkv = x qkv_weight^T + qkv_bias       o = attention within windows, of qkv       y = o proj_weight^T + proj_bias
//
// Passes: 0, qkv of each token; 1 to 4, the scores, their exponentials, the sums of these, and the weighted sums of
// values (ops/attention/window_attention.cpp: cosine_attention where there is a logit_scale, else dot_attention); 5,
// the projection. Between x and y, tokens lie in the order of the windows, so that the passes between know nothing of
// shifts. A padded token is a row of zeros, whose q, k and v are the bias, and whose result is dropped.
//
// Backward, by the formulas of ops/linear/linear.cpp and ops/attention/window_attention.cpp:
//
//   do = dy proj_weight            dproj_weight = dy^T o         dproj_bias = sum dy
//   dqkv, of qkv and do            dlogit_scale, dbias_table
//   dx = dqkv qkv_weight           dqkv_weight = dqkv^T x        dqkv_bias = sum dqkv
//
// where dy is 0 for padded tokens, and their dx is dropped.
//
// Saved: x, qkv in the order of the windows, both weights, logit_scale and bias_table. o is not saved: backward
// computes the weights P anyway, and o is one more small product.
// Fused from: linear, cosine_attention or dot_attention, linear. On a device it is those three, whose products are a
// library's.
// Source: Vaswani et al., "Attention is all you need", arXiv 1706.03762, section 3.2.2; Liu et al., arXiv 2103.14030
// and 2111.09883, section 3.2 of both. Test: tests/attention/test_multi_head_attention.cpp.

#include "ops/attention/multi_head_attention.h"

#include "core/threads.h"
#include "cuda/linear/linear.h"
#include "ops/attention/attention_inputs.h"
#include "ops/ops.h"

namespace swingrad {

// ---- forward

namespace {

// The tokens of all windows, one window after the other, from a map of tokens: padding as zeros. And back.
template <class T>
std::vector<T> gather(const MultiHeadAttentionOp<T>& op, const T* map) {
    const int64_t C = op.attention.C;
    std::vector<T> rows(op.tokens() * C);
    parallel_rows(op.tokens(), C, [&](int64_t t) {
        const int64_t row = op.row_of(t);
        for (int64_t c = 0; c < C && row >= 0; ++c) rows[t * C + c] = map[row * C + c];
    });
    return rows;
}
template <class T>
void scatter(const MultiHeadAttentionOp<T>& op, const std::vector<T>& rows, T* map) {
    const int64_t C = op.attention.C;
    parallel_rows(op.tokens(), C, [&](int64_t t) {
        const int64_t row = op.row_of(t);
        for (int64_t c = 0; c < C && row >= 0; ++c) map[row * C + c] = rows[t * C + c];
    });
}

}  // namespace

template <class T>
void MultiHeadAttentionOp<T>::forward() const {
    const int64_t C = attention.C;
    std::vector<T> x_rows = gather(*this, x), own_qkv(qkv ? 0 : 3 * tokens() * C), o(tokens() * C),
                   y_rows(tokens() * C);
    T* const qkv_rows = qkv ? qkv : own_qkv.data();
    // 0: q, k and v of each token
    LinearOp<T>{tokens(), C, 3 * C, x_rows.data(), qkv_weight, qkv_bias, qkv_rows}.forward();
    // 1 to 4: attention within windows
    in_windows(qkv_rows, o.data()).forward();
    // 5: the projection
    LinearOp<T>{tokens(), C, C, o.data(), proj_weight, proj_bias, y_rows.data()}.forward();
    scatter(*this, y_rows, y);
}

// ---- backward

template <class T>
void MultiHeadAttentionOp<T>::backward() const {
    const int64_t C = attention.C;
    const std::vector<T> x_rows = gather(*this, x), dy_rows = gather(*this, dy);
    std::vector<T> o(tokens() * C), d_o(tokens() * C), dqkv(tokens() * 3 * C), dx_rows(tokens() * C);
    WindowAttentionOp<T> within = in_windows(qkv, o.data());
    within.forward();  // o again
    // 5 forward: y = o proj_weight^T + proj_bias, so:
    LinearOp<T> proj{tokens(), C, C, o.data(), proj_weight};
    proj.dy = dy_rows.data(), proj.dx = d_o.data(), proj.dweight = dproj_weight, proj.dbias = dproj_bias;
    proj.backward();
    // 4 to 1 forward: o = attention within windows, of qkv, so:
    within.dy = d_o.data(), within.dqkv = dqkv.data();
    within.backward();
    // 0 forward: qkv = x qkv_weight^T + qkv_bias, so:
    LinearOp<T> to_qkv{tokens(), C, 3 * C, x_rows.data(), qkv_weight};
    to_qkv.dy = dqkv.data(), to_qkv.dx = dx_rows.data(), to_qkv.dweight = dqkv_weight, to_qkv.dbias = dqkv_bias;
    to_qkv.backward();
    if (dx) scatter(*this, dx_rows, dx);
}

// ---- autograd node

namespace {

struct MultiHeadAttentionNode final : Node {
    MultiHeadInputs inputs;  // but for the biases
    Tensor qkv;              // [B nW, N, 3C]

    std::string_view name() const override { return "multi_head_attention"; }
    std::vector<Saved> saved() const override {
        return {{"x", inputs.x},
                {"qkv", qkv},
                {"qkv_weight", inputs.qkv_weight},
                {"logit_scale", inputs.logit_scale},
                {"bias_table", inputs.bias_table},
                {"proj_weight", inputs.proj_weight}};
    }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const std::vector<Tensor> d = inputs.gradients(needs_input_grad);
        run_backward(name(), dy, [&]<class T>(T) {
            MultiHeadAttentionOp<T> op = inputs.arguments<T>(qkv);
            op.dy = ptr(dy), op.dx = ptr(d[0]), op.dqkv_weight = ptr(d[1]), op.dqkv_bias = ptr(d[2]);
            op.attention.dlogit_scale = ptr(d[3]), op.attention.dbias_table = ptr(d[4]);
            op.dproj_weight = ptr(d[5]), op.dproj_bias = ptr(d[6]);
            return op;
        });
        return d;
    }
};

}  // namespace

// ---- public function

Tensor multi_head_attention(const Tensor& x, const Tensor& qkv_weight, const Tensor& qkv_bias, int64_t heads,
                            const Tensor& logit_scale, const Tensor& bias_table, const Tensor& proj_weight,
                            const Tensor& proj_bias, const WindowMap& map) {
    const MultiHeadInputs inputs{x, qkv_weight, qkv_bias, logit_scale, bias_table, proj_weight, proj_bias, heads, map};
    inputs.check("multi_head_attention");
    if (x.device() == Device::cuda) {
        const Tensor qkv = linear(x, qkv_weight, qkv_bias), padding = padding_of(x, qkv_bias, *map);
        const Tensor o = logit_scale.defined() ? cosine_attention(qkv, padding, logit_scale, bias_table, map)
                                               : dot_attention(qkv, padding, heads, bias_table, map);
        return linear(o, proj_weight, proj_bias);
    }
    const bool keep = recording(inputs.tensors());
    const Tensor y = x.empty_like(x.shape()),
                 qkv = keep ? x.empty_like({x.shape()[0] * map->windows, map->tokens, 3 * x.shape()[3]}) : Tensor();
    run_forward("multi_head_attention", x, [&]<class T>(T) {
        MultiHeadAttentionOp<T> op = inputs.arguments<T>(qkv);
        op.y = ptr(y);
        return op;
    });
    if (!keep) return y;
    auto node = std::make_unique<MultiHeadAttentionNode>();
    node->inputs = inputs.kept();
    node->qkv = qkv;
    return record(std::move(node), inputs.tensors(), y);
}

// ---- gradient checks: shifted and padded in both orders; with everything, one head above the clamp, and with as
// little as can be; a causal sequence

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

const DeclareGradientCase multi_head_attention_causal_case{{
    "multi_head_attention/causal",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 1, 5, 4}, random.split(0)), random_tensor({12, 4}, random.split(1)),
                random_tensor({12}, random.split(2)), random_tensor({4, 4}, random.split(3)),
                random_tensor({4}, random.split(4))};
    },
    [](const std::vector<Tensor>& in) {
        return multi_head_attention(in[0], in[1], in[2], 2, {}, {}, in[3], in[4], make_sequence_map(5, true));
    },
    loose,
}};

}  // namespace swingrad
