// cosine_attention(qkv [B, H, W, 3C], padding [3C] or none, logit_scale [h, 1, 1], bias_table [R, h] or none, map)
// dot_attention(qkv, padding, heads, bias_table, map), both -> [B, H, W, C]
//
// Attention within shifted windows (what attention is: ops/attention/README.md). qkv holds q, k and v of every token,
// each C = h D wide; head number `head` uses columns head D .. (head + 1) D - 1 of each. The windows are never formed:
// token t of a window is read from the row that a list names, and its result written back there. A padded token has
// `padding` for its q, k and v, and its result is dropped. For one window and head, with queries i and keys j:
//
//   cosine (V2):   q^_i = q_i / max(|q_i|, eps)   k^_j = k_j / max(|k_j|, eps)   scale = exp(min(logit_scale, ln 100))
//   dot (V1):      q^_i = q_i / sqrt(D)           k^_j = k_j                     scale = 1               (eps = 1e-12)
//
//   S_ij = scale q^_i . k^_j + bias_table[relative position index of i and j] - 100 [i and j are masked]
//   P_ij = softmax over j of S_ij = e^(S_ij - max_j S_ij) / sum_j e^(S_ij - max_j S_ij)
//   o_i = sum_j P_ij v_j          causal: P_ij = 0 where j > i, so loops over keys end at i: keys_of(i) = i + 1, else N
//
// Backward, from the end, with product_ij = q^_i . k^_j:
//
//   dP_ij = do_i . v_j                          dv_j = sum_i P_ij do_i
//   delta_i = sum_j P_ij dP_ij                  (a number a query: ops/norm/softmax.cpp has the derivation)
//   dS_ij = P_ij (dP_ij - delta_i)              dbias_table[r] = sum of dS_ij over all windows and pairs with index r
//   dproduct_ij = scale dS_ij                   dlogit_scale = scale sum dS_ij product_ij, 0 where it is above ln 100
//   dq^_i = sum_j dproduct_ij k^_j              dk^_j = sum_i dproduct_ij q^_i
//
// For a vector brought to length 1, q^ = q / |q|, dq = (dq^ - q^ (q^ . dq^)) / |q| (ops/norm/l2_normalise.cpp has the
// derivation). Where |q| < eps the divisor is a constant, and the second term is absent, as for the dot product.
//
// Saved: the inputs; on a device also y and logsumexp, for its kernels work by tiles (sequential_attention.cpp). P is
// made again in backward: N numbers a token and head to keep, against one small product.
// Numerics: q and k are brought to length 1 before their product, which rounds least: a scale of 100 magnifies errors.
// Fused from: window_partition, l2_normalise or scale, matmul, relative_bias, softmax, matmul, window_reverse.
// Source: arXiv 2111.09883 section 3.2 and its published code (which has the mask's -100 and the clamp at ln 100); dot
// attention: arXiv 2103.14030 section 3.2. Test: tests/attention/test_window_attention.cpp, test_causal_attention.cpp.

#include "core/threads.h"
#include "ops/attention/attention_inputs.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>

namespace swingrad {

// ---- forward

// 0: q, k and v of a window's tokens and one head; q and k times the factors that make them q^ and k^.
template <class T>
HeadOfWindow<acc_type<T>> WindowAttentionOp<T>::load(int64_t window, int64_t head) const {
    using std::exp, std::sqrt;
    HeadOfWindow<A> s{.window = window, .head = head};
    for (int64_t part = 0; part < 3; ++part)
        for (int64_t t = 0; t < N; ++t) {
            const int64_t row = row_of(window, t), column = part * C + head * D;
            A squares = 0, factor = logit_scale || part > 0 ? A(1) : 1 / sqrt(A(D));
            for (int64_t d = 0; d < D; ++d) {
                const A u = row < 0 ? padding[column + d] : A(qkv[row * 3 * C + column + d]);
                s.qkv[part].push_back(u);
                s.d[part].push_back(0);
                squares += u * u;
            }
            if (logit_scale && part < 2) factor = 1 / std::max(sqrt(squares), A(1e-12));
            for (int64_t d = 0; d < D; ++d) s.qkv[part][t * D + d] *= factor;
            s.factor[part].push_back(factor);
        }
    s.scale = logit_scale ? exp(std::min(logit_scale[head], A(std::log(100.0)))) : A(1);
    return s;
}

// 1: the score of query i and key j: how well the key fits, and whether the query may see it at all.
template <class T>
acc_type<T> WindowAttentionOp<T>::score(const HeadOfWindow<A>& s, int64_t i, int64_t j, A& product) const {
    const auto& [q, k, v] = s.qkv;
    product = 0;
    for (int64_t d = 0; d < D; ++d) product += q[i * D + d] * k[j * D + d];
    A S = s.scale * product;
    if (bias_table) S += bias_table[relative_index(i, j) * heads + s.head];
    if (masked(s.window, i, j)) S -= 100;
    return S;
}

// 1 to 3: the weights of query i.
template <class T>
void WindowAttentionOp<T>::attend(const HeadOfWindow<A>& s, int64_t i, A* product, A* P) const {
    using std::exp;
    const int64_t keys = keys_of(i);
    for (int64_t j = 0; j < keys; ++j) P[j] = score(s, i, j, product[j]);  // 1: scores
    // 2: the largest, and exponentials of what each is less: none can overflow
    A largest = *std::max_element(P, P + keys), sum = 0;
    for (int64_t j = 0; j < keys; ++j) P[j] = exp(P[j] - largest);
    for (int64_t j = 0; j < keys; ++j) sum += P[j];  // 3: their sum, by which they become weights that add up to 1
    for (int64_t j = 0; j < keys; ++j) P[j] /= sum;
}

template <class T>
void WindowAttentionOp<T>::forward() const {
    parallel_rows(images * windows * heads, N * N * D, [&](int64_t n) {
        const HeadOfWindow<A> s = load(n / heads, n % heads);
        std::vector<A> product(N), P(N);
        for (int64_t i = 0; i < N; ++i) {
            const int64_t row = row_of(s.window, i);
            if (row < 0) continue;  // the result of padding is dropped
            attend(s, i, product.data(), P.data());
            // 4: the weighted sum of the values
            for (int64_t d = 0; d < D; ++d) {
                A o = 0;
                for (int64_t j = 0; j < keys_of(i); ++j) o += P[j] * s.qkv[2][j * D + d];
                y[row * C + s.head * D + d] = o;
            }
        }
    });
}

// ---- backward

template <class T>
void WindowAttentionOp<T>::backward() const {
    parallel_rows(heads, images * windows * N * N * D, [&](int64_t head) {  // each sum over windows is one head's
        A dscore_scale = 0;
        std::vector<A> product(N), P(N), dP(N);
        for (int64_t window = 0; window < images * windows; ++window) {
            HeadOfWindow<A> s = load(window, head);
            const auto& [q, k, v] = s.qkv;
            auto& [dq, dk, dv] = s.d;
            for (int64_t i = 0; i < N; ++i) {
                const int64_t row = row_of(window, i);
                if (row < 0) continue;  // forward: the result of padding was dropped, so nothing comes back
                attend(s, i, product.data(), P.data());
                const T* do_i = dy + row * C + head * D;
                const int64_t keys = keys_of(i);
                // 4 forward: o_i = sum_j P_ij v_j, so:
                for (int64_t j = 0; j < keys; ++j) {
                    dP[j] = 0;
                    for (int64_t d = 0; d < D; ++d) {
                        dP[j] += do_i[d] * v[j * D + d];
                        dv[j * D + d] += P[j] * do_i[d];
                    }
                }
                // 3 and 2 forward: P_i = softmax of S_i, so:
                A delta = 0;
                for (int64_t j = 0; j < keys; ++j) delta += P[j] * dP[j];
                for (int64_t j = 0; j < keys; ++j) {
                    const A dS = P[j] * (dP[j] - delta), dproduct = s.scale * dS;
                    // 1 forward: S_ij = scale product_ij + bias, so:
                    dscore_scale += dproduct * product[j];
                    if (dbias_table) dbias_table[relative_index(i, j) * heads + head] += dS;
                    // 1 forward: product_ij = q^_i . k^_j, so:
                    for (int64_t d = 0; d < D; ++d) {
                        dq[i * D + d] += dproduct * k[j * D + d];
                        dk[j * D + d] += dproduct * q[i * D + d];
                    }
                }
            }
            store(s);
        }
        // forward: scale = exp(min(logit_scale, ln 100)), so:
        if (dlogit_scale) dlogit_scale[head] = logit_scale[head] > A(std::log(100.0)) ? A(0) : dscore_scale;
    });
}

// 0 forward: u^ = factor u, for u = q, k and v, where the cosine's factor is 1 / |u|, or 1 / eps if that is less. So:
template <class T>
void WindowAttentionOp<T>::store(const HeadOfWindow<A>& s) const {
    for (int64_t part = 0; part < 3; ++part)
        for (int64_t t = 0; t < N; ++t) {
            const int64_t row = row_of(s.window, t), column = part * C + s.head * D;
            const A *u = s.qkv[part].data() + t * D, *du = s.d[part].data() + t * D, factor = s.factor[part][t];
            A along = 0;
            if (logit_scale && part < 2 && factor < 1 / A(1e-12))
                for (int64_t d = 0; d < D; ++d) along += u[d] * du[d];
            for (int64_t d = 0; d < D; ++d) {
                const A gradient = factor * (du[d] - u[d] * along);
                if (row >= 0) dqkv[row * 3 * C + column + d] = gradient;
                else if (dpadding) dpadding[column + d] += gradient;
            }
        }
}

SWINGRAD_PLAIN_LOOPS(WindowAttentionOp);  // multi_head_attention and sequential_attention call these loops

// ---- autograd node

namespace {

struct WindowAttentionNode final : Node {
    AttentionInputs inputs;
    Tensor y, logsumexp;  // [B, H, W, C], [B, H, W, h]: on a device only

    std::string_view name() const override { return inputs.op; }
    std::vector<Saved> saved() const override { return inputs.saved(y, logsumexp); }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const AttentionInputs d = inputs.gradients();
        run_backward(name(), dy, [&]<class T>(T) { return inputs.arguments<T>(y, logsumexp, dy, d); });
        return d.tensors();
    }
};

Tensor window_attention(const AttentionInputs& inputs) {
    inputs.check();
    const Tensor y = inputs.qkv.empty_like(inputs.y_shape());
    const Tensor logsumexp = y.device() == Device::cuda ? inputs.empty_logsumexp() : Tensor();
    run_forward(inputs.op, y, [&]<class T>(T) { return inputs.arguments<T>(y, logsumexp); });
    if (!recording(inputs.tensors())) return y;
    auto node = std::make_unique<WindowAttentionNode>();
    node->inputs = inputs.detached();
    if (logsumexp.defined()) node->y = y, node->logsumexp = logsumexp;
    return record(std::move(node), inputs.tensors(), y);
}

}  // namespace

// ---- public functions

Tensor cosine_attention(const Tensor& qkv, const Tensor& padding, const Tensor& logit_scale, const Tensor& bias_table,
                        const WindowMap& map) {
    check(logit_scale.shape().rank() == 3, "[cosine_attention] logit_scale must be [h, 1, 1], got {}",
          logit_scale.shape());
    return window_attention({"cosine_attention", qkv, padding, logit_scale, bias_table, logit_scale.shape()[0], map});
}

Tensor dot_attention(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& bias_table,
                     const WindowMap& map) {
    return window_attention({"dot_attention", qkv, padding, {}, bias_table, heads, map});
}

// ---- gradient checks: shifted and padded in both orders, and causal; two heads, one of them above the clamp

static GradientCase case_of(const char* name, int64_t C, const WindowMap& map, bool cosine) {
    const auto inputs = [=](Random random) {
        const Shape qkv{2, map->map.rows, map->map.columns, 3 * C}, table{map->offsets(), 2};
        std::vector<Tensor> in{random_tensor(qkv, random.split(0)), random_tensor(table, random.split(3))};
        if (cosine) in.push_back(Tensor::from({2, 1, 1}, std::vector<double>{1.3, 4.7}));
        if (map->has_padding) in.push_back(random_tensor({3 * C}, random.split(1)));
        return in;
    };
    const auto function = [=](const std::vector<Tensor>& in) {
        const Tensor padding = map->has_padding ? in.back() : Tensor();
        return cosine ? cosine_attention(in[0], padding, in[2], in[1], map)
                      : dot_attention(in[0], padding, 2, in[1], map);
    };
    return {name, inputs, function, {.eps = 1e-6, .atol = 1e-6, .rtol = 1e-5, .seed = 0, .mutate = {}}};
}
static const WindowMap before = make_window_map({3, 5}, {2, 3}, {1, 1}, PaddingOrder::before_shift),
                       after = make_window_map({3, 5}, {2, 2}, {1, 1}, PaddingOrder::after_shift);
const DeclareGradientCase cosine_case{case_of("cosine_attention", 6, before, true)};
const DeclareGradientCase after_case{case_of("cosine_attention/after_shift", 2, after, true)};
const DeclareGradientCase causal_case{case_of("cosine_attention/causal", 2, make_sequence_map(35, true), true)};
const DeclareGradientCase dot_case{case_of("dot_attention", 6, before, false)};
const DeclareGradientCase causal_dot_case{case_of("dot_attention/causal", 6, make_sequence_map(5, true), false)};

}  // namespace swingrad
