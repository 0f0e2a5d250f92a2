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
// Source: Liu et al., "Swin Transformer", arXiv 2103.14030, section 3.2. Test: tests/attention/test_window_partition.cpp.

#include "cuda/attention/window_partition.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"
#include "ops/attention/window_rows.h"

namespace swingrad {
namespace {

// ---- CPU: gather (partition, and the backward of reverse) and scatter (reverse, and the backward of partition)

template <class T>
void gather(int64_t B, int64_t C, const WindowTable& table, const T* map, T* windows) {
    const int64_t slots = table.windows * table.tokens;
    parallel_for(B, [&](int64_t b) {
        gather_windows(table, b * table.windows, (b + 1) * table.windows, C, map, windows + b * slots * C);
    });
}

template <class T>
void scatter(int64_t B, int64_t C, const WindowTable& table, const T* windows, T* map) {
    const int64_t slots = table.windows * table.tokens;
    parallel_for(B, [&](int64_t b) {
        scatter_windows(table, b * table.windows, (b + 1) * table.windows, C, windows + b * slots * C, map);
    });
}

Tensor to_windows(const Tensor& x, const WindowTable& table) {
    const int64_t B = x.shape()[0], C = x.shape()[3];
    const Tensor windows = x.empty_like({B * table.windows, table.tokens, C});
    on_device_of(
        "window_partition", x, [&]<class T>(T) { gather(B, C, table, x.data<T>(), windows.data<T>()); },
        [&]<class T>(T) {
            cuda::window_partition(B, table.map.rows * table.map.columns, table.windows * table.tokens, C,
                                   table.on_device().source, x.device_data<T>(), windows.device_data<T>());
        });
    return windows;
}

Tensor to_map(const Tensor& windows, const WindowTable& table) {
    const int64_t B = windows.shape()[0] / table.windows, C = windows.shape()[2];
    const Tensor x = windows.empty_like({B, table.map.rows, table.map.columns, C});
    on_device_of(
        "window_reverse", x, [&]<class T>(T) { scatter(B, C, table, windows.data<T>(), x.data<T>()); },
        [&]<class T>(T) {
            cuda::window_reverse(B, table.map.rows * table.map.columns, table.windows * table.tokens, C,
                                 table.on_device().source, windows.device_data<T>(), x.device_data<T>());
        });
    return x;
}

// ---- autograd nodes

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
