// broadcast_to(x, shape), sum_to(x, shape)
//
// Two shapes, one small and one large, aligned at their last axes:
//
//   large [8, 16, 32]
//   small    [ 1, 32]      axis 2 is kept, axis 1 is repeated (size 1), axis 0 is repeated (missing)
//
//   broadcast_to: small -> large   y_i = x_s(i)                     s(i): i with 0 for every repeated axis
//   sum_to:       large -> small   y_j = sum of x_i over s(i) = j
//
// Both are linear, and each is the transpose of the other: sum_i c_i x_s(i) = sum_j x_j sum_{i: s(i) = j} c_i. So the
// backward of each is the forward of the other, on dy, and nothing is saved but a shape.
//
// On the CPU the last axis is the inner loop. Which rows belong together is looked up in tables of offsets, one entry a
// row; kernels are told sizes and strides and find the offset of each element. One piece of work sums all of an
// element's terms, in order: no partial sums, the same bits for any thread count.
// Source: the rule is NumPy's. Test: tests/reduce/test_broadcast.cpp.

#include "cuda/reduce/broadcast.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "cuda/layout/layout.h"
#include "ops/ops.h"
#include "ops/strides.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

constexpr int64_t elements_a_piece = 1 << 14;
constexpr int64_t columns_a_piece = 64;

// Both shapes as lists of equal length, at least one axis.
struct Pair {
    std::vector<int64_t> small, large;

    Pair(const Shape& small_shape, const Shape& large_shape)
        : small(small_shape.begin(), small_shape.end()), large(large_shape.begin(), large_shape.end()) {
        if (large.empty()) large = {1};
        small.insert(small.begin(), large.size() - small.size(), 1);
    }

    bool last_repeated() const { return small.back() != large.back(); }
    // How far apart in the small one are neighbours in the large one.
    std::vector<int64_t> small_strides() const {
        std::vector<int64_t> strides = strides_of(small);
        for (size_t axis = 0; axis < small.size(); ++axis)
            if (small[axis] != large[axis]) strides[axis] = 0;
        return strides;
    }
    // Sizes of the axes that are repeated; 1 for the others.
    std::vector<int64_t> repeats() const {
        std::vector<int64_t> sizes = large;
        for (size_t axis = 0; axis < small.size(); ++axis)
            if (small[axis] == large[axis]) sizes[axis] = 1;
        return sizes;
    }

    // The first element of the small row that belongs to each row of the large one.
    std::vector<int64_t> small_rows() const { return offsets({large.begin(), large.end() - 1}, small_strides()); }
    // The first element of the first large row that belongs to each small row ...
    std::vector<int64_t> first_rows() const { return offsets({small.begin(), small.end() - 1}, strides_of(large)); }
    // ... and from there to the others.
    std::vector<int64_t> further_rows() const {
        std::vector<int64_t> sizes = repeats();
        sizes.pop_back();
        return offsets(sizes, strides_of(large));
    }

    // For kernels: where an element of the large one is in the small one; where the first term of an element of the
    // small one is in the large one, and from there the others.
    cuda::Axes in_small() const { return axes_of(large, small_strides()); }
    cuda::Axes kept_in_large() const { return axes_of(small, strides_of(large)); }
    cuda::Axes repeated_in_large() const { return axes_of(repeats(), strides_of(large)); }
};

bool broadcasts(const Shape& small, const Shape& large) {
    if (small.rank() > large.rank()) return false;
    for (int axis = 1; axis <= small.rank(); ++axis)
        if (small[-axis] != 1 && small[-axis] != large[-axis]) return false;
    return true;
}

// ---- CPU, each the other's backward

template <class T>
void repeat(const Pair& shapes, const T* x, T* y) {
    const int64_t C = shapes.large.back();
    const auto small_rows = shapes.small_rows();
    const auto rows = static_cast<int64_t>(small_rows.size());
    parallel_chunks(rows, std::max<int64_t>(1, elements_a_piece / std::max<int64_t>(1, C)),
                    [&](int64_t begin, int64_t end) {
                        for (int64_t row = begin; row < end; ++row) {
                            const T* x_row = x + small_rows[static_cast<size_t>(row)];
                            if (shapes.last_repeated()) std::fill_n(y + row * C, C, *x_row);
                            else std::copy_n(x_row, C, y + row * C);
                        }
                    });
}

template <class T>
void sum_rows(const Pair& shapes, const T* x, T* y) {
    const int64_t C = shapes.large.back(), y_C = shapes.small.back();
    const auto first_rows = shapes.first_rows(), further_rows = shapes.further_rows();
    const auto rows = static_cast<int64_t>(first_rows.size());
    // A sum over many rows into one, the gradient of a bias, is cut along the columns.
    const int64_t cuts = std::max<int64_t>(1, (y_C + columns_a_piece - 1) / columns_a_piece);
    const int64_t terms = static_cast<int64_t>(further_rows.size()) * std::max<int64_t>(1, C / cuts);
    parallel_chunks(rows * cuts, std::max<int64_t>(1, elements_a_piece / std::max<int64_t>(1, terms)),
                    [&](int64_t begin, int64_t end) {
                        for (int64_t piece = begin; piece < end; ++piece) {
                            const int64_t row = piece / cuts, from = y_C * (piece % cuts) / cuts,
                                          to = y_C * (piece % cuts + 1) / cuts;
                            acc_type<T> sums[columns_a_piece] = {};
                            for (const int64_t further : further_rows) {
                                const T* x_row = x + first_rows[static_cast<size_t>(row)] + further;
                                if (shapes.last_repeated()) {
                                    acc_type<T> sum = 0;
#pragma omp simd reduction(+ : sum)
                                    for (int64_t c = 0; c < C; ++c) sum += widen(x_row[c]);
                                    sums[0] += sum;
                                } else {
                                    add_column_sums(1, to - from, x_row + from, sums);
                                }
                            }
                            for (int64_t c = from; c < to; ++c) y[row * y_C + c] = narrow<T>(sums[c - from]);
                        }
                    });
}

Tensor repeated(const Tensor& x, const Shape& shape) {
    const Pair shapes(x.shape(), shape);
    Tensor y = x.empty_like(shape);
    on_device_of(
        "broadcast_to", x, [&]<class T>(T) { repeat(shapes, x.data<T>(), y.data<T>()); },
        [&]<class T>(T) { cuda::gather(shapes.in_small(), x.device_data<T>(), y.device_data<T>()); });
    return y;
}

Tensor summed(const Tensor& x, const Shape& shape) {
    const Pair shapes(shape, x.shape());
    Tensor y = x.empty_like(shape);
    on_device_of(
        "sum_to", x, [&]<class T>(T) { sum_rows(shapes, x.data<T>(), y.data<T>()); },
        [&]<class T>(T) {
            cuda::sum_to(shapes.kept_in_large(), shapes.repeated_in_large(), x.device_data<T>(), y.device_data<T>());
        });
    return y;
}

// ---- autograd nodes

struct BroadcastNode final : Node {
    Shape x_shape;

    std::string_view name() const override { return "broadcast_to"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {summed(dy, x_shape)}; }
};

struct SumToNode final : Node {
    Shape x_shape;

    std::string_view name() const override { return "sum_to"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {repeated(dy, x_shape)}; }
};

}  // namespace

// ---- public functions

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
    check(broadcasts(x.shape(), shape),
          "[broadcast_to] cannot repeat {} to {}: axes must be equal, 1 or missing in front", x.shape(), shape);
    auto node = std::make_unique<BroadcastNode>();
    node->x_shape = x.shape();
    return record(std::move(node), {x}, repeated(x, shape));
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
    check(broadcasts(shape, x.shape()), "[sum_to] cannot sum {} to {}: axes must be equal, 1 or missing in front",
          x.shape(), shape);
    auto node = std::make_unique<SumToNode>();
    node->x_shape = x.shape();
    return record(std::move(node), {x}, summed(x, shape));
}

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
const DeclareGradientCase rows_case{{"broadcast/broadcast_to",
                                     [](Random random) -> Inputs {
                                         return {random_tensor({2, 1, 3}, random)};
                                     },
                                     [](const Inputs& in) {
                                         return broadcast_to(in[0], {4, 2, 5, 3});
                                     }}};
const DeclareGradientCase last_case{{"broadcast/broadcast_to/last",
                                     [](Random random) -> Inputs {
                                         return {random_tensor({2, 3, 1}, random)};
                                     },
                                     [](const Inputs& in) {
                                         return broadcast_to(in[0], {2, 3, 4});
                                     }}};
const DeclareGradientCase sum_rows_case{{"broadcast/sum_to",
                                         [](Random random) -> Inputs {
                                             return {random_tensor({2, 3, 2, 5}, random)};
                                         },
                                         [](const Inputs& in) {
                                             return sum_to(in[0], {3, 1, 5});
                                         }}};
const DeclareGradientCase sum_last_case{{"broadcast/sum_to/last",
                                         [](Random random) -> Inputs {
                                             return {random_tensor({2, 3, 4}, random)};
                                         },
                                         [](const Inputs& in) {
                                             return sum_to(in[0], {3, 1});
                                         }}};

}  // namespace
}  // namespace swingrad
