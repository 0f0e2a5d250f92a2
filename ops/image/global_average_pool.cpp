// global_average_pool(x [B, H, W, C]) -> [B, C]
//
//   y_bc = sum_hw x_bhwc / (H W)
//
// Backward. Each position has the share 1/(H W) in the mean:
//
//   dx_bhwc = dy_bc / (H W)
//
// Saved: nothing but the shape of x. One thread adds up an image, so its sum has one order.
// Source: Lin, Chen, Yan, "Network in network", arXiv 1312.4400. Test: tests/image/test_global_average_pool.cpp.

#include "cuda/image/global_average_pool.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>

namespace swingrad {

// ---- forward

template <class T>
void GlobalAveragePoolOp<T>::forward() const {
    parallel_rows(B, positions * C, [&](int64_t b) {
        std::vector<A> sum(C);
        for (int64_t position = 0; position < positions; ++position)
            for (int64_t c = 0; c < C; ++c) sum[c] += x[(b * positions + position) * C + c];
        for (int64_t c = 0; c < C; ++c) y[b * C + c] = sum[c] / A(positions);
    });
}

// ---- backward

template <class T>
void GlobalAveragePoolOp<T>::backward() const {
    parallel_rows(B, positions * C, [&](int64_t b) {
        T* const dx_b = dx + b * positions * C;
        // forward: y_bc = sum_hw x_bhwc / (H W), so:
        for (int64_t c = 0; c < C; ++c) dx_b[c] = dy[b * C + c] / A(positions);
        for (int64_t position = 1; position < positions; ++position) std::copy_n(dx_b, C, dx_b + position * C);
    });
}

// ---- autograd node

namespace {

struct GlobalAveragePoolNode final : Node {
    Shape shape;  // of x

    std::string_view name() const override { return "global_average_pool"; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = dy.empty_like(shape);
        run_backward(name(), dy, [&]<class T>(T) {
            return GlobalAveragePoolOp<T>{
                .B = shape[0], .positions = shape[1] * shape[2], .C = shape[3], .dy = ptr(dy), .dx = ptr(dx)};
        });
        return {dx};
    }
};

}  // namespace

// ---- public function

Tensor global_average_pool(const Tensor& x) {
    const Shape& shape = x.shape();
    check(shape.rank() == 4, "[global_average_pool] x must be [B, H, W, C], got {}", shape);
    check(shape[1] > 0 && shape[2] > 0, "[global_average_pool] the mean of no positions is undefined, x is {}", shape);
    const Tensor y = x.empty_like({shape[0], shape[3]});
    run_forward("global_average_pool", x, [&]<class T>(T) {
        return GlobalAveragePoolOp<T>{
            .B = shape[0], .positions = shape[1] * shape[2], .C = shape[3], .x = ptr(x), .y = ptr(y)};
    });
    if (!recording({x})) return y;
    auto node = std::make_unique<GlobalAveragePoolNode>();
    node->shape = shape;
    return record(std::move(node), {x}, y);
}

// ---- gradient check

const DeclareGradientCase global_average_pool_case{{
    "global_average_pool",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5, 4}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) { return global_average_pool(in[0]); },
}};

}  // namespace swingrad
