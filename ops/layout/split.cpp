// split(x, sizes, axis), stack(parts, axis)
//
//   split   slices of x that follow one another along an axis, so large as `sizes` says
//   stack   the parts, each with a further axis of size 1, one after the other along it
//
// Gradients are those of slice, reshape and concat. Source: the names are PyTorch's. Test: tests/layout/test_slice.cpp.

#include "autograd/gradcheck.h"
#include "ops/axis.h"
#include "ops/ops.h"

#include <numeric>

namespace swingrad {

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int axis) {
    const AroundAxis whole = around_axis("split", x.shape(), axis);
    const int64_t total = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
    check(total == whole.size, "[split] the sizes add up to {}, but axis {} of {} has {}", total, whole.axis, x.shape(),
          whole.size);
    std::vector<Tensor> parts;
    int64_t begin = 0;
    for (const int64_t size : sizes) parts.push_back(slice(x, axis, begin, begin + size)), begin += size;
    return parts;
}

Tensor stack(const std::vector<Tensor>& parts, int axis) {
    check(!parts.empty(), "[stack] expects at least one tensor, got none");
    const Shape& shape = parts[0].shape();
    const int rank = shape.rank() + 1;
    check(axis >= -rank && axis < rank, "[stack] {} can have no further axis {}", shape, axis);
    const int at = axis < 0 ? axis + rank : axis;
    std::vector<Tensor> with_new_axis;
    for (size_t i = 0; i < parts.size(); ++i) {
        check(parts[i].shape() == shape, "[stack] part 0 is {}, but part {} is {}: all must be equally large", shape, i,
              parts[i].shape());
        with_new_axis.push_back(reshape(parts[i], with_axis(shape, at, 1)));
    }
    return concat(with_new_axis, at);
}

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs one(Random random) { return {random_tensor({4, 5, 3}, random)}; }
Inputs two(Random random) { return {random_tensor({4, 3}, random.split(0)), random_tensor({4, 3}, random.split(1))}; }
Tensor of_two_parts(const Inputs& in) {
    const auto parts = split(in[0], {1, 2, 2}, -2);
    return add(parts[1], scale(parts[2], -1.7));
}
const DeclareGradientCase split_case{{"split", one, of_two_parts}};
const DeclareGradientCase stack_case{{"split/stack", two, [](const Inputs& in) { return stack(in, -1); }}};

}  // namespace
}  // namespace swingrad
