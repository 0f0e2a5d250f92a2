// relative_bias(table [R, h], map) -> [h, N, N]
//
// A position bias for every pair of a window's tokens. Pairs with the same relative position, the query's less the
// key's, share an entry of the relative position bias table. There are only R = (2 Mh - 1)(2 Mw - 1) of these
// positions:
//
//   y[head, i, j] = table[index(i, j), head]         index(i, j), of query i and key j: the relative position index,
//                                                    position[i] - position[j] + centre (ops/window.h)
//
// Backward. An entry receives what all pairs with its relative position receive:
//
//   dtable[r, head] = sum of dy[head, i, j] over the pairs with index(i, j) = r
//
// Saved: the window's positions, which are shared. The attention operations look pairs up as they go and never hold y
// in memory; relative_bias is for compositions of plain operations. Source: Liu et al., "Swin Transformer", arXiv
// 2103.14030, section 3.2. Test: tests/attention/test_relative_bias.cpp.

#include "cuda/attention/relative_bias.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

namespace swingrad {

// ---- forward

template <class T>
void RelativeBiasOp<T>::forward() const {
    const int64_t N = Mh * Mw;
    parallel_rows(heads, N * N, [&](int64_t head) {
        for (int64_t i = 0; i < N; ++i)
            for (int64_t j = 0; j < N; ++j) {
                const int64_t index = position[i] - position[j] + centre;
                y[(head * N + i) * N + j] = table[index * heads + head];
            }
    });
}

// ---- backward

template <class T>
void RelativeBiasOp<T>::backward() const {
    const int64_t N = Mh * Mw, R = (2 * Mh - 1) * (2 * Mw - 1);
    parallel_rows(heads, N * N, [&](int64_t head) {
        std::vector<A> sums(R);
        for (int64_t i = 0; i < N; ++i)
            for (int64_t j = 0; j < N; ++j) {
                const int64_t index = position[i] - position[j] + centre;
                // forward: y[head, i, j] = table[index, head], so:
                sums[index] += dy[(head * N + i) * N + j];
            }
        for (int64_t r = 0; r < R; ++r) dtable[r * heads + head] = sums[r];
    });
}

// ---- autograd node

namespace {

// The sizes and the window's positions; the operands are still to be set.
template <class T>
RelativeBiasOp<T> operation(const WindowTable& map, Device device, int64_t heads) {
    const int32_t* const position = device == Device::cuda ? map.on_device().position : map.position.data();
    return {
        .heads = heads, .Mh = map.window.rows, .Mw = map.window.columns, .position = position, .centre = map.centre};
}

struct RelativeBiasNode final : Node {
    Shape shape;  // of the table
    WindowMap map;

    std::string_view name() const override { return "relative_bias"; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dtable = gradient_memory(0, shape, dy.dtype(), dy.device());
        run_backward(name(), dy, [&]<class T>(T) {
            auto op = operation<T>(*map, dy.device(), shape[1]);
            op.dy = ptr(dy), op.dtable = ptr(dtable);
            return op;
        });
        return {dtable};
    }
};

}  // namespace

// ---- public function

Tensor relative_bias(const Tensor& table, const WindowMap& map) {
    check(table.shape().rank() == 2 && table.shape()[0] == map->offsets(),
          "[relative_bias] the table of a {} x {} window must be [{}, h], got {}", map->window.rows,
          map->window.columns, map->offsets(), table.shape());
    const int64_t h = table.shape()[1], N = map->tokens;
    const Tensor y = table.empty_like({h, N, N});
    run_forward("relative_bias", table, [&]<class T>(T) {
        auto op = operation<T>(*map, table.device(), h);
        op.table = ptr(table), op.y = ptr(y);
        return op;
    });
    auto node = std::make_unique<RelativeBiasNode>();
    node->shape = table.shape();
    node->map = map;
    return record(std::move(node), {table}, y);
}

// ---- gradient check: a window that is not square

const DeclareGradientCase relative_bias_case{{
    "relative_bias",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({15, 2}, random)};
    },
    [](const std::vector<Tensor>& in) {
        return relative_bias(in[0], make_window_map({2, 3}, {2, 3}, {0, 0}));
    },
}};

}  // namespace swingrad
