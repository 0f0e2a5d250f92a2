// relative_bias(table [R, h], map) -> [h, N, N]
//
// A position bias for every pair of a window's tokens. Pairs with the same offset share an entry, and there are only
// R = (2 Mh - 1)(2 Mw - 1) offsets:
//
//   y[head, i, j] = table[row(i, j), head]           row: WindowTable::offset_row, for query i and key j
//
// Backward. An entry receives what all pairs with its offset receive:
//
//   dtable[r, head] = sum of dy[head, i, j] over the pairs with row(i, j) = r
//
// Saved: the window's table of indices, which is shared. The attention operations look pairs up as they go and never
// write this out; it is here for compositions of plain operations.
// Source: Liu et al., "Swin Transformer", arXiv 2103.14030, section 3.2. Test: tests/attention/test_relative_bias.cpp.

#include "cuda/attention/relative_bias.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "ops/ops.h"

namespace swingrad {
namespace {

// Calls body(pair, entry) for every head and pair: its place in [h, N, N] and in table [R, h].
template <class Body>
void for_each_pair(const WindowTable& window, int64_t heads, const Body& body) {
    const int64_t N = window.tokens;
    for (int64_t head = 0; head < heads; ++head)
        for (int64_t i = 0; i < N; ++i)
            for (int64_t j = 0; j < N; ++j) body((head * N + i) * N + j, window.offset_row(i, j) * heads + head);
}

// ---- CPU forward

template <class T>
void forward(const WindowTable& window, int64_t heads, const T* table, T* y) {
    for_each_pair(window, heads, [=](int64_t pair, int64_t entry) { y[pair] = table[entry]; });
}

// ---- CPU backward

template <class T>
void backward(const WindowTable& window, int64_t heads, const T* dy, T* dtable) {
    std::vector<acc_type<T>> sums(static_cast<size_t>(window.offsets() * heads));
    // forward: y[pair] = table[entry], so:
    for_each_pair(window, heads,
                  [&](int64_t pair, int64_t entry) { sums[static_cast<size_t>(entry)] += widen(dy[pair]); });
    for (size_t entry = 0; entry < sums.size(); ++entry) dtable[entry] = narrow<T>(sums[entry]);
}

// ---- autograd node

struct RelativeBiasNode final : Node {
    Shape shape;  // of the table
    WindowMap map;

    std::string_view name() const override { return "relative_bias"; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dtable = dy.empty_like(shape);
        on_device_of(
            "relative_bias", dy,
            [&]<class T>(T) { swingrad::backward(*map, shape[1], dy.data<T>(), dtable.data<T>()); },
            [&]<class T>(T) {
                cuda::relative_bias_backward(shape[1], map->window.rows, map->window.columns, dy.device_data<T>(),
                                             dtable.device_data<T>());
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
    Tensor y = table.empty_like({h, N, N});
    on_device_of(
        "relative_bias", table, [&]<class T>(T) { forward(*map, h, table.data<T>(), y.data<T>()); },
        [&]<class T>(T) {
            cuda::relative_bias_forward(h, N, map->on_device().place, map->centre, table.device_data<T>(),
                                        y.device_data<T>());
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
