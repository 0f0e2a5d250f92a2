// window_partition(x [B, H, W, C], map) -> [B nW, N, C]
// window_reverse(windows [B nW, N, C], map) -> [B, H, W, C]
//
// With s = map.source, for every image b and token t of its windows:
//
//   partition:  y[b, t] = x[b, s(t)]   where s(t) >= 0, else 0
//   reverse:    x[b, s(t)] = y[b, t]   where s(t) >= 0
//
// s takes every token of the map exactly once, so each is the other's transpose, and the other's backward:
//
//   partition:  dx[b, s(t)] = dy[b, t]
//   reverse:    dy[b, t] = dx[b, s(t)], 0 on padding (what was cut off cannot matter)
//
// Saved: the table, which is shared and constant. Both are the composition roll, pad, cut (or its inverse).
// Source: Liu et al., "Swin Transformer", arXiv 2103.14030, section 3.2. Test:
// tests/attention/test_window_partition.cpp.

#include "cuda/attention/window_partition.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>

namespace swingrad {

// ---- forward of partition, backward of reverse

template <class T>
void WindowPartitionOp<T>::forward() const {
    parallel_rows(B * slots, C, [&](int64_t row) {
        const int64_t b = row / slots, token = source[row % slots];
        if (token >= 0) std::copy_n(x + (b * tokens + token) * C, C, y + row * C);
        else std::fill_n(y + row * C, C, T(0));
    });
}

// ---- backward of partition, forward of reverse

template <class T>
void WindowPartitionOp<T>::backward() const {
    parallel_rows(B * slots, C, [&](int64_t row) {
        const int64_t b = row / slots, token = source[row % slots];
        // forward: y[b, t] = x[b, s(t)] where s(t) >= 0, so:
        if (token >= 0) std::copy_n(dy + row * C, C, dx + (b * tokens + token) * C);
    });
}

// ---- autograd nodes

namespace {

// The sizes and the table of indices; the operands are still to be set.
template <class T>
WindowPartitionOp<T> operation(const WindowTable& table, Device device, int64_t B, int64_t C) {
    const int32_t* const source = device == Device::cuda ? table.on_device().source : table.source.data();
    const int64_t tokens = table.map.rows * table.map.columns, slots = table.windows * table.tokens;
    return {.B = B, .tokens = tokens, .slots = slots, .C = C, .source = source};
}

Tensor to_windows(const Tensor& x, const WindowTable& table) {
    const int64_t B = x.shape()[0], C = x.shape()[3];
    const Tensor windows = x.empty_like({B * table.windows, table.tokens, C});
    run_forward("window_partition", x, [&]<class T>(T) {
        auto op = operation<T>(table, x.device(), B, C);
        op.x = ptr(x), op.y = ptr(windows);
        return op;
    });
    return windows;
}

Tensor to_map(const Tensor& windows, const WindowTable& table) {
    const int64_t B = windows.shape()[0] / table.windows, C = windows.shape()[2];
    const Tensor x = windows.empty_like({B, table.map.rows, table.map.columns, C});
    run_backward("window_reverse", windows, [&]<class T>(T) {
        auto op = operation<T>(table, windows.device(), B, C);
        op.dy = ptr(windows), op.dx = ptr(x);
        return op;
    });
    return x;
}

struct WindowPartitionNode final : Node {
    WindowMap map;

    std::string_view name() const override { return "window_partition"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {to_map(dy, *map)}; }
};

struct WindowReverseNode final : Node {
    WindowMap map;

    std::string_view name() const override { return "window_reverse"; }
    std::vector<Tensor> backward(const Tensor& dx, const NeedsInputGrad&) override { return {to_windows(dx, *map)}; }
};

}  // namespace

// ---- public functions

Tensor window_partition(const Tensor& x, const WindowMap& map) {
    check(x.shape().rank() == 4 && x.shape()[1] == map->map.rows && x.shape()[2] == map->map.columns,
          "[window_partition] x must be [B, {}, {}, C], got {}", map->map.rows, map->map.columns, x.shape());
    Tensor windows = to_windows(x, *map);
    if (!recording({x})) return windows;
    auto node = std::make_unique<WindowPartitionNode>();
    node->map = map;
    return record(std::move(node), {x}, windows);
}

Tensor window_reverse(const Tensor& windows, const WindowMap& map) {
    check(windows.shape().rank() == 3 && windows.shape()[0] % map->windows == 0 && windows.shape()[1] == map->tokens,
          "[window_reverse] windows must be [B {}, {}, C], got {}", map->windows, map->tokens, windows.shape());
    Tensor x = to_map(windows, *map);
    if (!recording({windows})) return x;
    auto node = std::make_unique<WindowReverseNode>();
    node->map = map;
    return record(std::move(node), {windows}, x);
}

// ---- gradient checks: a shifted map with padding, in both orders

const DeclareGradientCase window_partition_case{{
    "window_partition",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5, 2}, random)};
    },
    [](const std::vector<Tensor>& in) {
        return window_partition(in[0], make_window_map({3, 5}, {2, 3}, {1, 1}));
    },
}};

const DeclareGradientCase window_reverse_case{{
    "window_reverse",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({8, 6, 2}, random)};
    },
    [](const std::vector<Tensor>& in) {
        return window_reverse(in[0], make_window_map({3, 5}, {2, 3}, {1, 1}, PaddingOrder::after_shift));
    },
}};

}  // namespace swingrad
