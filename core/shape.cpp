#include "core/shape.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace swingrad {

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
    check(sizes.size() <= max_rank, "[shape] at most {} axes, got {}", max_rank, sizes.size());
    for (int64_t size : sizes) check(size >= 0, "[shape] sizes must not be negative, got {}", size);
    std::copy(sizes.begin(), sizes.end(), sizes_.begin());
}

int64_t Shape::operator[](int axis) const {
    const int index = axis < 0 ? axis + rank_ : axis;
    check(index >= 0 && index < rank_, "[shape] axis {} of a tensor of shape {}", axis, *this);
    return sizes_[static_cast<size_t>(index)];
}

int64_t Shape::product_of_first(int axes) const {
    int64_t product = 1;
    bool overflow = false;
    for (int axis = 0; axis < axes; ++axis)
        overflow |= __builtin_mul_overflow(product, sizes_[static_cast<size_t>(axis)], &product);
    check(!overflow, "[shape] {} has more elements than 63 bits can count", *this);
    return product;
}

int64_t Shape::numel() const { return product_of_first(rank_); }

int64_t Shape::rows() const { return product_of_first(std::max(0, rank_ - 1)); }

Shape Shape::with(int axis, int64_t size) const {
    Shape copy = *this;
    (void)copy[axis];  // checks the axis
    check(size >= 0, "[shape] sizes must not be negative, got {}", size);
    copy.sizes_[static_cast<size_t>(axis < 0 ? axis + rank_ : axis)] = size;
    return copy;
}

bool Shape::operator==(const Shape& other) const {
    return rank_ == other.rank_ && std::equal(begin(), end(), other.begin());
}

std::string Shape::text() const { return fmt::format("[{}]", fmt::join(begin(), end(), ", ")); }

std::optional<Shape> broadcast(const Shape& a, const Shape& b) {
    if (a == b) return a;
    const Shape &longer = a.rank() >= b.rank() ? a : b, &shorter = a.rank() >= b.rank() ? b : a;
    Shape both = longer;
    for (int axis = 1; axis <= shorter.rank(); ++axis) {
        if (longer[-axis] == 1) both = both.with(-axis, shorter[-axis]);
        else if (shorter[-axis] != 1 && shorter[-axis] != longer[-axis]) return {};
    }
    return both;
}

}  // namespace swingrad
