// drop_path_keep(batch, rate, random, dtype, device) -> keep [B]     drop_path(x [B, ...], keep [B]) -> [B, ...]
//
// Stochastic depth: for each sample of the batch, a residual branch is left out with probability `rate`. What is
// kept is scaled up, so that the branch's mean over draws is the branch itself and evaluation needs no change:
//
//   q = 1 - rate            keep_b = 1/q with probability q, else 0            y_b = x_b keep_b
//
// A branch between select_kept and restore_dropped (ops/regularise/select_kept.cpp) is not computed where it is left
// out.
//
// Backward. keep is a constant, drawn and not learnt:
//
//   dx_b = dy_b keep_b                             by the same draw
//
// Saved: keep, one number a sample. A Random is a value, so a forward run again (checkpoint) draws the same.
// Source: Huang et al., "Deep networks with stochastic depth", arXiv 1603.09382. Test:
// tests/regularise/test_drop_path.cpp.

#include "cuda/regularise/drop_path.h"

#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

namespace swingrad {

// ---- forward

template <class T>
void DropPathKeepOp<T>::forward() const {
    for (int64_t b = 0; b < B; ++b) keep[b] = random.uniform(b) < q ? T(1 / q) : T(0);
}

// With dy for x and dx for y, backward too.
template <class T>
void DropPathOp<T>::forward() const {
    parallel_rows(B, elements, [&](int64_t b) {
        for (int64_t i = b * elements; i < (b + 1) * elements; ++i) y[i] = x[i] * keep[b];
    });
}

// ---- autograd node

namespace {

Tensor scaled(const Tensor& x, const Tensor& keep) {
    const int64_t B = x.shape()[0], elements = B > 0 ? x.numel() / B : 0;
    const Tensor y = x.empty_like(x.shape());
    run_forward("drop_path", x, [&]<class T>(T) {
        return DropPathOp<T>{.B = B, .elements = elements, .x = ptr(x), .keep = ptr(keep), .y = ptr(y)};
    });
    return y;
}

struct DropPathNode final : Node {
    Tensor keep;  // [B]

    std::string_view name() const override { return "drop_path"; }
    std::vector<Saved> saved() const override { return {{"keep", keep}}; }

    // forward: y = x keep, so:
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {scaled(dy, keep)}; }
};

}  // namespace

// ---- public functions

Tensor drop_path_keep(int64_t batch, double rate, Random random, DType dtype, Device device) {
    check(rate >= 0 && rate < 1, "[drop_path] rate must be at least 0 and less than 1, got {}", rate);
    if (dtype == DType::dual) return drop_path_keep(batch, rate, random, DType::float64, device).to(dtype);
    const Tensor keep = Tensor::empty({batch}, dtype, device);
    if (device == Device::meta) return keep;
    dispatch_float("drop_path", dtype, [&]<class T>(T) {
        const DropPathKeepOp<T> op{.B = batch, .q = 1 - rate, .random = random, .keep = ptr(keep)};
        device == Device::cpu ? op.forward() : op.forward_kernel();
    });
    return keep;
}

Tensor drop_path(const Tensor& x, const Tensor& keep) {
    check(x.shape().rank() >= 1, "[drop_path] x must be [B, ...], got {}", x.shape());
    check(keep.shape() == Shape{x.shape()[0]}, "[drop_path] keep must be [{}], got {}", x.shape()[0], keep.shape());
    check_one_device("drop_path", {{"x", x}, {"keep", keep}});
    refuse_gradient("drop_path: keep", {keep});
    const Tensor y = scaled(x, keep);
    if (!recording({x})) return y;
    auto node = std::make_unique<DropPathNode>();
    node->keep = keep;
    return record(std::move(node), {x}, y);
}

// ---- gradient check

const DeclareGradientCase drop_path_case{{
    "drop_path",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({3, 2, 4}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) {
        return drop_path(in[0], constant_like(in[0], {3}, {1.25, 0, 1.25}));
    },
}};

}  // namespace swingrad
