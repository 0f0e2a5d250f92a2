// drop_path_keep(batch, rate, random, dtype, device) -> keep [B]     drop_path(x [B, ...], keep [B]) -> [B, ...]
//
// Stochastic depth: for each sample of the batch, a residual branch is left out with probability `rate`. What is
// kept is scaled up, so that the branch's mean over draws is the branch itself and evaluation needs no change:
//
//   q = 1 - rate            keep_b = 1/q with probability q, else 0            y_b = x_b keep_b
//
// A branch between select_kept and restore_dropped (ops/regularise/select_kept.cpp) is not computed where it is left out.
//
// Backward. keep is a constant, drawn and not learnt:
//
//   dx_b = dy_b keep_b                             by the same draw
//
// Saved: keep, one number a sample. A Random is a value, so a forward run again (checkpoint) draws the same.
// Source: Huang et al., "Deep networks with stochastic depth", arXiv 1603.09382. Test: tests/regularise/test_drop_path.cpp.

#include "cuda/regularise/drop_path.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"

namespace swingrad {
namespace {

// ---- CPU forward

template <class T>
void draw(int64_t B, double q, T kept, Random random, T* keep) {
    for (int64_t b = 0; b < B; ++b) keep[b] = random.uniform(static_cast<uint64_t>(b)) < q ? kept : T(0);
}

// ---- CPU forward; with dy for x and dx for y, CPU backward too

template <class T>
void forward(int64_t B, int64_t elements, const T* x, const acc_type<T>* keep, T* y) {
    parallel_for(B, [=](int64_t b) {
        for (int64_t i = b * elements; i < (b + 1) * elements; ++i) y[i] = narrow<T>(widen(x[i]) * keep[b]);
    });
}

Tensor scaled(const Tensor& x, const Tensor& keep) {
    const int64_t B = x.shape()[0], elements = B > 0 ? x.numel() / B : 0;
    Tensor y = x.empty_like(x.shape());
    on_device_of(
        "drop_path", x, [&]<class T>(T) { forward(B, elements, x.data<T>(), keep.data<acc_type<T>>(), y.data<T>()); },
        [&]<class T>(T) {
            cuda::drop_path(B, elements, x.device_data<T>(), keep.device_data<acc_type<T>>(), y.device_data<T>());
        });
    return y;
}

// ---- autograd node

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
    const double q = 1 - rate;
    Tensor keep = Tensor::empty({batch}, dtype, device);
    dispatch_float("drop_path", dtype, [&]<class T>(T) {
        const T kept = static_cast<T>(1 / q);
        if (device == Device::cpu) draw(batch, q, kept, random, keep.data<T>());
        else cuda::drop_path_keep(batch, q, kept, random, keep.device_data<T>());
    });
    return keep;
}

Tensor drop_path(const Tensor& x, const Tensor& keep) {
    check(x.shape().rank() >= 1, "[drop_path] x must be [B, ...], got {}", x.shape());
    check(keep.shape() == Shape{x.shape()[0]}, "[drop_path] keep must be [{}], got {}", x.shape()[0], keep.shape());
    check_one_device("drop_path", {{"x", x}, {"keep", keep}});
    refuse_gradient("drop_path: keep", {keep});
    Tensor y = scaled(x, keep);
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
        return drop_path(in[0], Tensor::from({3}, std::vector<double>{1.25, 0, 1.25}).on(in[0].device()));
    },
}};

}  // namespace swingrad
