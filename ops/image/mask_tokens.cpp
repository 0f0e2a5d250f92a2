// mask_tokens(x [B, H, W, C], token [C], mask [B, H, W]) -> [B, H, W, C]
//
// Masked positions of a map are replaced by one learnt vector, the input of masked image modelling, in which a model
// learns to tell what was masked. r = (b, h, w):
//
//   y_rc = x_rc where mask_r is 0          y_rc = token_c where mask_r is 1
//
// Backward. Each element of y is a copy of one element, of x or of token; token's are copied to every masked position:
//
//   dx_rc = dy_rc where mask_r is 0, else 0          dtoken_c = sum over masked r of dy_rc
//
// The mask is a constant, of x's type, or uint8: that is checked to be of 0 and 1, and converted by way of the CPU. In
// one of x's type, which may lie on a GPU and is not waited for, what is not 0 counts as 1.
// Saved: the mask.
// Source: Xie et al., "SimMIM", arXiv 2111.09886, section 3.2. Test: tests/image/test_mask_tokens.cpp.

#include "cuda/image/mask_tokens.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>

namespace swingrad {

// ---- forward

template <class T>
void MaskTokensOp<T>::forward() const {
    parallel_rows(rows, C, [&](int64_t row) {
        if (widen(mask[row]) == A(0)) std::copy_n(x + row * C, C, y + row * C);
        else
            for (int64_t c = 0; c < C; ++c) y[row * C + c] = token[c];
    });
}

// ---- backward

template <class T>
void MaskTokensOp<T>::backward() const {
    for (int64_t c = 0; dtoken && c < C; ++c) dtoken[c] = 0;
    for (int64_t row = 0; row < rows; ++row) {
        const bool masked = widen(mask[row]) != A(0);
        for (int64_t c = 0; c < C; ++c) {
            // forward: y = mask ? token : x, so:
            if (dtoken && masked) dtoken[c] += dy[row * C + c];
            if (dx) dx[row * C + c] = masked ? T(0) : dy[row * C + c];
        }
    }
}

// ---- autograd node

namespace {

struct MaskTokensNode final : Node {
    Tensor mask;  // [B, H, W], of x's type

    std::string_view name() const override { return "mask_tokens"; }
    std::vector<Saved> saved() const override { return {{"mask", mask}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const int64_t C = dy.shape()[3];
        const Tensor dx = needs_input_grad[0] ? dy.empty_like(dy.shape()) : Tensor();
        const Tensor dtoken =
            needs_input_grad[1] ? gradient_memory(1, {C}, acc_dtype(dy.dtype()), dy.device()) : Tensor();
        run_backward(name(), dy, [&]<class T>(T) {
            return MaskTokensOp<T>{
                .rows = mask.numel(), .C = C, .mask = ptr(mask), .dy = ptr(dy), .dx = ptr(dx), .dtoken = ptr(dtoken)};
        });
        return {dx, dtoken};
    }
};

// uint8, on any device, as another type there.
Tensor converted(const Tensor& mask, DType dtype) {
    if (mask.device() == Device::meta) return Tensor::empty(mask.shape(), dtype, Device::meta);
    const Tensor here = mask.on_cpu();
    for (const uint8_t value : here.span<uint8_t>())
        check(value <= 1, "[mask_tokens] mask must be of 0 and 1, got {}", int{value});
    return here.to(dtype).on(mask.device());
}

}  // namespace

// ---- public function

Tensor mask_tokens(const Tensor& x, const Tensor& token, const Tensor& mask) {
    check(x.shape().rank() == 4, "[mask_tokens] x must be [B, H, W, C], got {}", x.shape());
    const int64_t C = x.shape()[3];
    const Shape positions{x.shape()[0], x.shape()[1], x.shape()[2]};
    check(token.shape() == Shape{C}, "[mask_tokens] token must be [{}], got {}", C, token.shape());
    check((mask.dtype() == DType::uint8 || mask.dtype() == x.dtype()) && mask.shape() == positions,
          "[mask_tokens] mask must be uint8 or {} {}, got {} {}", name_of(x.dtype()), positions, name_of(mask.dtype()),
          mask.shape());
    check_one_device("mask_tokens", {{"x", x}, {"token", token}, {"mask", mask}});
    const Tensor chosen = mask.dtype() == x.dtype() ? mask.detached() : converted(mask, x.dtype());

    const Tensor y = x.empty_like(x.shape());
    run_forward("mask_tokens", x, [&]<class T>(T) {
        return MaskTokensOp<T>{
            .rows = chosen.numel(), .C = C, .x = ptr(x), .token = ptr(token), .mask = ptr(chosen), .y = ptr(y)};
    });
    if (!recording({x, token})) return y;
    auto node = std::make_unique<MaskTokensNode>();
    node->mask = chosen;
    return record(std::move(node), {x, token}, y);
}

// ---- gradient check

const DeclareGradientCase mask_tokens_case{{
    "mask_tokens",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 2, 3, 5}, random.split(0)), random_tensor({5}, random.split(1))};
    },
    [](const std::vector<Tensor>& in) {
        const Tensor mask = Tensor::from({2, 2, 3}, std::vector<uint8_t>{1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1});
        return mask_tokens(in[0], in[1], mask.on(in[0].device()));
    },
}};

}  // namespace swingrad
