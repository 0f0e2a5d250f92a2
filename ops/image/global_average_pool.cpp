// global_average_pool(x [B, H, W, C]) -> [B, C]
//
//   y_bc = sum_hw x_bhwc / (H W)
//
// Backward. Each position has the share 1/(H W) in the mean:
//
//   dx_bhwc = dy_bc / (H W)
//
// Saved: nothing but the shape of x. An image is one piece of work, so its sum has one order.
// Source: Lin, Chen, Yan, "Network in network", arXiv 1312.4400. Test: tests/image/test_global_average_pool.cpp.

#include "cuda/image/global_average_pool.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"

#include <algorithm>

namespace swingrad {
namespace {

// ---- CPU forward

template <class T>
void forward(int64_t B, int64_t positions, int64_t C, const T* x, T* y) {
    parallel_for(B, [=](int64_t b) {
        const T* image = x + b * positions * C;
        std::vector<acc_type<T>> sums(static_cast<size_t>(C));
        add_column_sums(positions, C, image, sums.data());
        for (int64_t c = 0; c < C; ++c)
            y[b * C + c] = narrow<T>(sums[static_cast<size_t>(c)] / static_cast<acc_type<T>>(positions));
    });
}

// ---- CPU backward

template <class T>
void backward(int64_t B, int64_t positions, int64_t C, const T* dy, T* dx) {
    parallel_for(B, [=](int64_t b) {
        T* dimage = dx + b * positions * C;
        const T* dy_row = dy + b * C;
        for (int64_t c = 0; c < C; ++c) dimage[c] = narrow<T>(widen(dy_row[c]) / static_cast<acc_type<T>>(positions));
        for (int64_t position = 1; position < positions; ++position) std::copy_n(dimage, C, dimage + position * C);
    });
}

// ---- autograd node

struct MeanPoolNode final : Node {
    Shape shape;  // of x

    std::string_view name() const override { return "global_average_pool"; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t B = shape[0], positions = shape[1] * shape[2], C = shape[3];
        const Tensor dx = dy.empty_like(shape);
        on_device_of(
            "global_average_pool", dy, [&]<class T>(T) { swingrad::backward(B, positions, C, dy.data<T>(), dx.data<T>()); },
            [&]<class T>(T) { cuda::global_average_pool_backward(B, positions, C, dy.device_data<T>(), dx.device_data<T>()); });
        return {dx};
    }
};

}  // namespace

// ---- public function

Tensor global_average_pool(const Tensor& x) {
    const Shape& shape = x.shape();
    check(shape.rank() == 4, "[global_average_pool] x must be [B, H, W, C], got {}", shape);
    check(shape[1] > 0 && shape[2] > 0, "[global_average_pool] the mean of no positions is undefined, x is {}", shape);
    const int64_t B = shape[0], positions = shape[1] * shape[2], C = shape[3];
    const Tensor y = x.empty_like({B, C});
    on_device_of(
        "global_average_pool", x, [&]<class T>(T) { forward(B, positions, C, x.data<T>(), y.data<T>()); },
        [&]<class T>(T) { cuda::global_average_pool_forward(B, positions, C, x.device_data<T>(), y.device_data<T>()); });
    if (!recording({x})) return y;
    auto node = std::make_unique<MeanPoolNode>();
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
