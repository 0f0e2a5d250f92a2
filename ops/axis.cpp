#include "ops/axis.h"

#include <algorithm>

namespace swingrad {

AroundAxis around_axis(std::string_view op, const Shape& shape, int axis) {
    const int rank = shape.rank();
    check(axis >= -rank && axis < rank, "[{}] {} has no axis {}", op, shape, axis);
    AroundAxis around{.axis = axis < 0 ? axis + rank : axis, .outer = 1, .size = shape[axis], .inner = 1};
    for (int other = 0; other < rank; ++other)
        if (other != around.axis) (other < around.axis ? around.outer : around.inner) *= shape[other];
    return around;
}

Shape with_axis(const Shape& shape, int axis, int64_t size) {
    std::vector<int64_t> sizes(shape.begin(), shape.end());
    sizes.insert(sizes.begin() + axis, size);
    return Shape(sizes);
}

Shape without_axis(const Shape& shape, int axis) {
    std::vector<int64_t> sizes(shape.begin(), shape.end());
    sizes.erase(sizes.begin() + axis);
    return Shape(sizes);
}

void check_index(std::string_view op, const Tensor& index, int64_t size) {
    check(index.dtype() == DType::int64, "[{}] index must be int64, got {}", op, index);
    if (index.device() != Device::cpu) return;
    const auto values = index.span<int64_t>();
    const auto wrong = std::find_if(values.begin(), values.end(), [&](int64_t i) { return i < 0 || i >= size; });
    if (wrong == values.end()) return;
    std::vector<int64_t> place(static_cast<size_t>(index.shape().rank()));
    int64_t flat = wrong - values.begin();
    for (int axis = index.shape().rank(); axis-- > 0; flat /= index.shape()[axis])
        place[static_cast<size_t>(axis)] = flat % index.shape()[axis];
    fail("[{}] index {} at {} must be at least 0 and below {}", op, *wrong, Shape(place), size);
}

}  // namespace swingrad
