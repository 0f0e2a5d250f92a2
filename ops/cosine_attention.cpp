// cosine_attention(qkv [B, H, W, 3C], padding [3C] or none, logit_scale [h, 1, 1], bias [h, N, N], map) -> [B, H, W, C]
//
// Swin V2's attention within shifted windows. qkv holds q, k and v of every token, each C = h D wide; head a uses
// columns a D .. (a+1) D - 1 of each. The windows are never formed: token t of a window is read from where map.source
// says, and its result written back there. A padded token has `padding` for its q, k and v, and its result is dropped.
// For one window and head, with tokens i (queries) and j (keys):
//
//   q^_i = q_i / max(|q_i|, eps)      k^_j = k_j / max(|k_j|, eps)
//   cos_ij = q^_i . k^_j
//   S_ij = scale cos_ij + bias_ij - 100 [region_i != region_j]        scale = exp(min(logit_scale, ln 100))
//   P_ij = softmax over j of S_ij
//   o_i = sum_j P_ij v_j
//
// Backward, from the end:
//
//   dP_ij = do_i . v_j                          dv_j = sum_i P_ij do_i
//   dS_ij = P_ij (dP_ij - sum_j P_ij dP_ij)     dbias_ij = dS_ij, summed over images and windows
//   dlogit_scale = scale sum dS_ij cos_ij       0 where logit_scale > ln 100
//   dcos_ij = scale dS_ij
//
// For a normalised vector q^ = q / |q|, dq = (dq^ - q^ (q^ . dq^)) / |q|; where |q| < eps the denominator is a constant
// and the second term is absent. With dq^_i = sum_j dcos_ij k^_j, and so q^_i . dq^_i = sum_j dcos_ij cos_ij:
//
//   dq_i = (sum_j dcos_ij k^_j - q^_i sum_j dcos_ij cos_ij) / |q_i|
//   dk_j = (sum_i dcos_ij q^_i - k^_j sum_i dcos_ij cos_ij) / |k_j|
//
// Saved: the inputs. P is made again in backward: N numbers a token and head to keep, against one small product.
// Layout: matrices of a window and head are stored [key j][query i], so that a vector register holds one key and
// 16 queries, and sums over keys are sums of registers.
// Numerics: q and k are normalised before their product, not the product after it. A scale of 100 makes every rounding
// error of cos a hundred times as large, and this way has the fewest.
// Fused from: window_partition, permute, l2_normalise, matmul, softmax, window_reverse; the test compares with that.
// Source: arXiv 2111.09883 section 3.2 and its published code (which has the mask's -100 and the clamp at ln 100).
// Test: tests/test_cosine_attention.cpp.

#include "autograd/gradcheck.h"
#include "core/threads.h"
#include "ops/attention_head.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"

#include <cmath>

namespace swingrad {
namespace {

constexpr int64_t windows_a_piece = 8;

// ---- CPU forward

template <class T>
void forward(const AttentionProblem<T>& problem, T* y) {
    parallel_chunks(problem.windows(), windows_a_piece, [&](int64_t begin, int64_t end) {
        AttentionHead<T> s(problem);
        for (int64_t window = begin; window < end; ++window)
            for (int64_t head = 0; head < problem.heads; ++head) {
                s.attend(window, head);
                small_product(s.N, s.Dp, s.N, s.P, int64_t{1}, s.L, s.v, s.Dp, s.o, s.Dp);  // o_i = sum_j P_ij v_j
                for (int64_t t = 0; t < s.N; ++t)
                    if (const int64_t row = problem.row_of(window, t); row >= 0)
                        std::copy_n(s.o + t * s.Dp, problem.D, y + row * problem.C + head * problem.D);
            }
    });
}

// ---- CPU backward

// What one group of windows adds up.
template <class T>
struct GroupSums {
    T* dbias;         // [h, N keys, L queries]
    T* dlogit_scale;  // [h]
    T* dpadding;      // [3C]
};

// The result (of what arrived at v, or at q^ or k^) as third `part` of a window's dqkv: v's as it is, those of q and k
// less their part along q^ or k^, and divided by the norm.
template <class T>
void put(const AttentionProblem<T>& problem, const AttentionHead<T>& s, int64_t window, int64_t head, int part,
         const T* normalised, const T* along, const T* inverse, T* dqkv, T* dpadding) {
    const int64_t D = problem.D, column = part * problem.C + head * D;
    for (int64_t t = 0; t < s.N; ++t) {
        T* gradient = s.result + t * s.Dp;
        if (normalised)
            for (int64_t d = 0; d < D; ++d)
                gradient[d] = inverse[t] * (gradient[d] - along[t] * normalised[t * s.Dp + d]);
        if (const int64_t row = problem.row_of(window, t); row >= 0)
            std::copy_n(gradient, D, dqkv + row * 3 * problem.C + column);
        else
            for (int64_t d = 0; d < D; ++d) dpadding[column + d] += gradient[d];
    }
}

// From P and dP: dS into the bias's sum, dcos, and sum dcos cos for every query and every key.
template <class T>
void softmax_backward(AttentionHead<T>& s, T scale, T* dbias, T& dlogit_scale) {
    constexpr int64_t W = lanes<T>;
    std::fill_n(s.k_dot, s.N, T(0));
    T total = 0;
    for (int64_t first = 0; first < s.L; first += W) {
        T P_dP[W] = {}, q_dot[W] = {};
        for (int64_t j = 0; j < s.N; ++j)
            for (int64_t i = 0; i < W; ++i) P_dP[i] += s.P[j * s.L + first + i] * s.dP[j * s.L + first + i];
        for (int64_t j = 0; j < s.N; ++j) {
            const int64_t at = j * s.L + first;
            T along_key = 0;
#pragma omp simd reduction(+ : along_key)
            for (int64_t i = 0; i < W; ++i) {
                // forward: P = softmax(S), S = scale cos + bias, so:
                const T dS = s.P[at + i] * (s.dP[at + i] - P_dP[i]);
                dbias[at + i] += dS;
                s.dcos[at + i] = scale * dS;
                const T along = s.dcos[at + i] * s.cosine[at + i];
                q_dot[i] += along;
                along_key += along;
            }
            s.k_dot[j] += along_key;
            total += along_key;  // scale dS cos, summed: the gradient of logit_scale
        }
        for (int64_t i = 0; i < W; ++i) s.q_along[first + i] *= q_dot[i];
    }
    for (int64_t j = 0; j < s.N; ++j) s.k_along[j] *= s.k_dot[j];
    dlogit_scale += total;
}

template <class T>
void backward_windows(const AttentionProblem<T>& problem, int64_t begin, int64_t end, const T* dy, T* dqkv,
                      GroupSums<T> sums) {
    AttentionHead<T> s(problem);
    const int64_t D = problem.D, matrix = s.N * s.L;
    for (int64_t window = begin; window < end; ++window)
        for (int64_t head = 0; head < problem.heads; ++head) {
            s.attend(window, head);
            for (int64_t t = 0; t < s.N; ++t) {  // do; nothing arrives at padding, whose result was dropped
                const int64_t row = problem.row_of(window, t);
                if (row >= 0) std::copy_n(dy + row * problem.C + head * D, D, s.o + t * s.Dp);
                else std::fill_n(s.o + t * s.Dp, D, T(0));
            }
            s.transpose(s.o, s.do_t);
            // forward: o_i = sum_j P_ij v_j, so dP_ij = do_i . v_j and dv_j = sum_i P_ij do_i:
            small_product(s.N, s.L, D, s.v, s.Dp, int64_t{1}, s.do_t, s.L, s.dP, s.L);
            small_product(s.N, s.Dp, s.N, s.P, s.L, int64_t{1}, s.o, s.Dp, s.result, s.Dp);
            put<T>(problem, s, window, head, 2, nullptr, nullptr, nullptr, dqkv, sums.dpadding);
            softmax_backward(s, problem.scale(head), sums.dbias + head * matrix, sums.dlogit_scale[head]);
            // forward: cos_ij = q^_i . k^_j, so dk^_j = sum_i dcos_ij q^_i and dq^_i = sum_j dcos_ij k^_j:
            small_product(s.N, s.Dp, s.N, s.dcos, s.L, int64_t{1}, s.q, s.Dp, s.result, s.Dp);
            put<T>(problem, s, window, head, 1, s.k, s.k_along, s.k_inverse, dqkv, sums.dpadding);
            small_product(s.N, s.Dp, s.N, s.dcos, int64_t{1}, s.L, s.k, s.Dp, s.result, s.Dp);
            put<T>(problem, s, window, head, 0, s.q, s.q_along, s.q_inverse, dqkv, sums.dpadding);
        }
}

template <class T>
void backward(const AttentionProblem<T>& problem, const T* dy, T* dqkv, T* dpadding, T* dlogit_scale, T* dbias) {
    const int64_t N = problem.table.tokens, matrices = problem.heads * N * problem.L, heads = problem.heads,
                  C3 = 3 * problem.C;
    const Tensor dbias_t = Tensor::empty({heads, N, problem.L}, dtype_of<T>());
    sum_by_groups<T>(
        sum_groups(problem.windows() * N), problem.windows(), matrices + heads + C3,
        [&](int64_t begin, int64_t end, T* sums) {
            backward_windows<T>(problem, begin, end, dy, dqkv, {sums, sums + matrices, sums + matrices + heads});
        },
        {{dbias_t.data<T>(), matrices}, {dlogit_scale, heads}, {dpadding, C3}});

    for (int64_t head = 0; head < heads; ++head) {
        // forward: scale = exp(min(logit_scale, ln 100)), so above the bound nothing comes back
        if (static_cast<double>(problem.logit_scale[head]) > std::log(100.0)) dlogit_scale[head] = 0;
        for (int64_t i = 0; i < N; ++i)
            for (int64_t j = 0; j < N; ++j)
                dbias[(head * N + i) * N + j] = dbias_t.data<T>()[(head * N + j) * problem.L + i];
    }
}

// bias [h, N queries, N keys] as [h, N keys, L queries].
template <class T>
Tensor transposed_bias(const Tensor& bias, int64_t L) {
    const int64_t heads = bias.shape()[0], N = bias.shape()[1];
    Tensor result = Tensor::zeros({heads, N, L}, bias.dtype());
    for (int64_t head = 0; head < heads; ++head)
        for (int64_t i = 0; i < N; ++i)
            for (int64_t j = 0; j < N; ++j)
                result.data<T>()[(head * N + j) * L + i] = bias.data<T>()[(head * N + i) * N + j];
    return result;
}

template <class T>
AttentionProblem<T> problem_of(const Tensor& qkv, const Tensor& padding, const Tensor& logit_scale,
                               const Tensor& bias_t, const WindowTable& table) {
    const int64_t C = qkv.shape()[3] / 3, heads = bias_t.shape()[0];
    return {table,
            qkv.shape()[0],
            C,
            heads,
            C / heads,
            bias_t.shape()[2],
            padded_to_lanes<T>(C / heads),
            qkv.data<T>(),
            padding.defined() ? padding.data<T>() : nullptr,
            logit_scale.data<T>(),
            bias_t.data<T>()};
}

// ---- autograd node

struct CosineAttentionNode final : Node {
    Tensor qkv, padding, logit_scale, bias;  // padding may be undefined
    WindowMap map;

    std::string_view name() const override { return "cosine_attention"; }
    std::vector<Saved> saved() const override {
        return {{"qkv", qkv}, {"padding", padding}, {"logit_scale", logit_scale}, {"bias", bias}};
    }

    std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
        const DType dtype = qkv.dtype();
        Tensor dqkv = Tensor::empty(qkv.shape(), dtype), dpadding = Tensor::empty({qkv.shape()[3]}, dtype);
        Tensor dlogit_scale = Tensor::empty(logit_scale.shape(), dtype), dbias = Tensor::empty(bias.shape(), dtype);
        dispatch_float("cosine_attention", dtype, [&]<class T>(T) {
            const Tensor bias_t = transposed_bias<T>(bias, padded_to_lanes<T>(map->tokens));
            swingrad::backward(problem_of<T>(qkv, padding, logit_scale, bias_t, *map), dy.data<T>(), dqkv.data<T>(),
                               dpadding.data<T>(), dlogit_scale.data<T>(), dbias.data<T>());
        });
        return {dqkv, padding.defined() ? dpadding : Tensor(), dlogit_scale, dbias};
    }
};

}  // namespace

// ---- public function

Tensor cosine_attention(const Tensor& qkv, const Tensor& padding, const Tensor& logit_scale, const Tensor& bias,
                        const WindowMap& map) {
    const Extent extent = map->map;
    check(qkv.shape().rank() == 4 && qkv.shape()[1] == extent.rows && qkv.shape()[2] == extent.columns &&
              qkv.shape()[3] % 3 == 0,
          "[cosine_attention] qkv must be [B, {}, {}, 3C], got {}", extent.rows, extent.columns, qkv.shape());
    const int64_t C = qkv.shape()[3] / 3, N = map->tokens;
    check(bias.shape().rank() == 3 && bias.shape()[1] == N && bias.shape()[2] == N,
          "[cosine_attention] bias must be [h, {}, {}], got {}", N, N, bias.shape());
    const int64_t heads = bias.shape()[0];
    check(heads > 0 && C % heads == 0, "[cosine_attention] {} channels do not divide into {} heads", C, heads);
    check(logit_scale.shape() == Shape{heads, 1, 1}, "[cosine_attention] logit_scale must be [{}, 1, 1], got {}", heads,
          logit_scale.shape());
    check(padding.defined() || !map->has_padding,
          "[cosine_attention] a {} x {} map with windows of {} x {} has padding, so `padding` [{}] is needed",
          extent.rows, extent.columns, map->window.rows, map->window.columns, 3 * C);
    check(!padding.defined() || padding.shape() == Shape{3 * C}, "[cosine_attention] padding must be [{}], got {}",
          3 * C, padding.shape());

    Tensor y = Tensor::empty(qkv.shape().with(3, C), qkv.dtype());
    dispatch_float("cosine_attention", qkv.dtype(), [&]<class T>(T) {
        const Tensor bias_t = transposed_bias<T>(bias, padded_to_lanes<T>(N));
        forward(problem_of<T>(qkv, padding, logit_scale, bias_t, *map), y.data<T>());
    });
    if (!recording({qkv, padding, logit_scale, bias})) return y;
    auto node = std::make_unique<CosineAttentionNode>();
    node->qkv = qkv.detached();
    node->padding = padding.detached();
    node->logit_scale = logit_scale.detached();
    node->bias = bias.detached();
    node->map = map;
    return record(std::move(node), {qkv, padding, logit_scale, bias}, y);
}

// ---- gradient checks: shifted and padded in both orders, two heads of three columns, one of them above the clamp
// (its logit_scale has gradient 0, which the other head's keeps from being vacuous)

namespace {

std::vector<Tensor> attention_inputs(Random random, int64_t C, int64_t N) {
    return {random_tensor({2, 3, 5, 3 * C}, random.split(0)), random_tensor({3 * C}, random.split(1)),
            Tensor::from({2, 1, 1}, std::vector<double>{1.3, 4.7}), random_tensor({2, N, N}, random.split(3))};
}

}  // namespace

const DeclareGradientCase cosine_attention_case{{
    "cosine_attention",
    [](Random random) { return attention_inputs(random, 6, 6); },
    [](const std::vector<Tensor>& in) {
        return cosine_attention(in[0], in[1], in[2], in[3], make_window_map({3, 5}, {2, 3}, {1, 1}));
    },
    {.eps = 1e-6, .atol = 1e-6, .rtol = 1e-5, .seed = 0, .spoil = {}},
}};

const DeclareGradientCase cosine_attention_after_shift_case{{
    "cosine_attention/after_shift",
    [](Random random) { return attention_inputs(random, 2, 4); },
    [](const std::vector<Tensor>& in) {
        return cosine_attention(in[0], in[1], in[2], in[3],
                                make_window_map({3, 5}, {2, 2}, {1, 1}, PaddingOrder::after_shift));
    },
    {.eps = 1e-6, .atol = 1e-6, .rtol = 1e-5, .seed = 0, .spoil = {}},
}};

}  // namespace swingrad
