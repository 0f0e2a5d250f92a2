// conv2d(x [B, H, W, I], weight [O, I / groups, kh, kw], bias [O] or none, {stride, padding, groups}) -> [B, H', W', O]
//
// A kernel slides over a map, and at each position every channel out is a weighted sum of what lies under it. With
// stride s and padding p, which stand for two numbers each, position (h, w) has place (k, l) of the kernel over
// (m, n) = (h s - p + k, w s - p + l) of the map, or over padding, which is 0:
//
//   y_bhwo = bias_o + sum_kli x_bmni weight_oikl          H' = floor((H + 2 p - kh) / s) + 1, and W' likewise
//
// With several groups, I and O are cut into as many parts, and a channel out sees those in of its own part: the
// weight's i counts from the first of these, x's i from 0.
//
// Backward. y_bhwo depends on x_bmni through weight_oikl where m = h s - p + k and n = w s - p + l. So an element of x
// gets something from each position (h, w) that has a place over it, k = m + p - h s and l = n + p - w s:
//
//   dx_bmni = sum_hwo dy_bhwo weight_oikl       where 0 <= k < kh and 0 <= l < kw
//   dweight_oikl = sum_bhw dy_bhwo x_bmni       where (m, n) is on the map          dbias_o = sum_bhw dy_bhwo
//
// Saved: x and weight. The weight is in PyTorch's order, in which models are stored.
// Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998; the conventions are
// torch.nn.Conv2d's. Test: tests/conv/test_conv2d.cpp.

#include "cuda/conv/conv2d.h"
#include "core/threads.h"
#include "ops/conv/sliding.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void Conv2dOp<T>::forward() const {
    parallel_rows(pixels(), O * taps(), [&](int64_t pixel) {
        const auto [b, h, w] = position(pixel);
        const IndexRange ks = rows.places_inside(h), ls = columns.places_inside(w);
        for (int64_t o = 0; o < O; ++o) {
            A sum = bias ? bias[o] : A(0);
            for (int64_t k = ks.begin; k < ks.end; ++k)
                for (int64_t l = ls.begin; l < ls.end; ++l) {
                    const T* x_mn = x + x_at(b, rows.element(h, k), columns.element(w, l), o);
                    for (int64_t i = 0; i < group_in(); ++i) sum += x_mn[i] * weight[weight_at(o, i, k, l)];
                }
            y[pixel * O + o] = sum;
        }
    });
}

// ---- backward

template <class T>
void Conv2dOp<T>::backward() const {
    // forward: y_bhwo = bias_o + sum_kli x_bmni weight_oikl, so:
    if (dx)
        parallel_rows(B * rows.size * columns.size, O * taps(), [&](int64_t at) {
            const int64_t n = at % columns.size, m = at / columns.size % rows.size, b = at / columns.size / rows.size;
            const IndexRange hs = rows.positions_over(m), ws = columns.positions_over(n);
            std::vector<A> sum(I);
            for (int64_t h = hs.begin; h < hs.end; ++h)
                for (int64_t w = ws.begin; w < ws.end; ++w)
                    for (int64_t o = 0; o < O; ++o) {
                        const int64_t k = rows.place(h, m), l = columns.place(w, n);
                        const A dy_o = dy[y_at(b, h, w) + o];
                        for (int64_t i = 0; i < group_in(); ++i)
                            sum[first_in(o) + i] += dy_o * weight[weight_at(o, i, k, l)];
                    }
            for (int64_t i = 0; i < I; ++i) dx[at * I + i] = sum[i];
        });
    parallel_rows(O, pixels() * taps(), [&](int64_t o) {
        std::vector<A> dweight_o(dweight ? taps() : 0);
        A dbias_o = 0;
        for (int64_t pixel = 0; pixel < pixels(); ++pixel) {
            const auto [b, h, w] = position(pixel);
            const A dy_o = dy[pixel * O + o];
            dbias_o += dy_o;
            const IndexRange ks = rows.places_inside(h), ls = columns.places_inside(w);
            for (int64_t k = ks.begin; dweight && k < ks.end; ++k)
                for (int64_t l = ls.begin; l < ls.end; ++l) {
                    const T* x_mn = x + x_at(b, rows.element(h, k), columns.element(w, l), o);
                    for (int64_t i = 0; i < group_in(); ++i) dweight_o[weight_at(0, i, k, l)] += dy_o * x_mn[i];
                }
        }
        for (int64_t j = 0; dweight && j < taps(); ++j) dweight[o * taps() + j] = dweight_o[j];
        if (dbias) dbias[o] = dbias_o;
    });
}

// ---- autograd node

namespace {

struct Conv2dNode final : Node {
    Tensor x, weight;  // [B, H, W, I], [O, I / groups, kh, kw]
    Sliding sliding;

    std::string_view name() const override { return "conv2d"; }
    std::vector<Saved> saved() const override { return {{"x", x}, {"weight", weight}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const Shape O{weight.shape()[0]};
        const Tensor dx = needs_input_grad[0] ? x.empty_like(x.shape()) : Tensor();
        const Tensor dweight = needs_input_grad[1] ? gradient_memory(1, weight) : Tensor();
        const Tensor dbias = needs_input_grad[2] ? gradient_memory(2, O, acc_dtype(x.dtype()), x.device()) : Tensor();
        run_backward(name(), x, [&]<class T>(T) {
            auto op = sliding.operands<T>(x, weight);
            op.dy = ptr(dy), op.dx = ptr(dx), op.dweight = ptr(dweight), op.dbias = ptr(dbias);
            return op;
        });
        return {dx, dweight, dbias};
    }
};

}  // namespace

// ---- public function

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options) {
    const Sliding sliding = Sliding::of_weight(x, weight, bias, options.stride, options.padding, options.groups);
    const Tensor y = x.empty_like(sliding.shape_over("conv2d", x.shape(), weight.shape()[0]));
    run_forward("conv2d", x, [&]<class T>(T) {
        auto op = sliding.operands<T>(x, weight);
        op.bias = ptr(bias), op.y = ptr(y);
        return op;
    });
    if (!recording({x, weight, bias})) return y;
    auto node = std::make_unique<Conv2dNode>();
    node->x = x.detached(), node->weight = weight.detached(), node->sliding = sliding;
    return record(std::move(node), {x, weight, bias}, y);
}

// ---- gradient checks: a plain one, strides and paddings that differ, groups

static GradientCase case_of(const char* name, const Shape& x, const Shape& weight, Conv2dOptions options, bool biased) {
    return {name,
            [=](Random random) -> std::vector<Tensor> {
                std::vector<Tensor> in{random_tensor(x, random.split(0)), random_tensor(weight, random.split(1))};
                if (biased) in.push_back(random_tensor({weight[0]}, random.split(2)));
                return in;
            },
            [=](const std::vector<Tensor>& in) { return conv2d(in[0], in[1], biased ? in[2] : Tensor(), options); }};
}
const DeclareGradientCase plain_case{case_of("conv2d", {2, 4, 5, 3}, {4, 3, 3, 2}, {}, true)};
const DeclareGradientCase strided_case{
    case_of("conv2d/strided", {1, 6, 7, 2}, {3, 2, 3, 4}, {.stride = {2, 3}, .padding = {1, 2}}, false)};
const DeclareGradientCase groups_case{
    case_of("conv2d/groups", {2, 3, 4, 6}, {4, 3, 2, 3}, {.stride = {1, 2}, .padding = {1, 0}, .groups = 2}, true)};

}  // namespace swingrad
