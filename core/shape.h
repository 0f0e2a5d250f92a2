// Shape: the sizes of a tensor's axes, slowest first. [B, H, W, C] is four numbers, a scalar is none. Extent: two of
// them.
#pragma once

#include "core/error.h"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

namespace swingrad {

// Rows and columns: of an image, of a map of tokens, of a window.
struct Extent {
    int64_t rows = 0, columns = 0;
    bool operator==(const Extent&) const = default;
};

class Shape {
  public:
    static constexpr int max_rank = 8;

    Shape() = default;  // a scalar: rank 0, one element
    Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
    explicit Shape(std::span<const int64_t> sizes);

    int rank() const { return rank_; }

    // Size of one axis; negative axes count from the end, so shape[-1] is the channels.
    int64_t operator[](int axis) const;

    // Product of all sizes. Throws on overflow of 63 bits.
    int64_t numel() const;

    // Product of all sizes but the last: how many rows of the last axis there are. 1 for a scalar. Throws likewise.
    int64_t rows() const;

    const int64_t* begin() const { return sizes_.data(); }
    const int64_t* end() const { return sizes_.data() + rank_; }

    // A copy with one axis of another size.
    Shape with(int axis, int64_t size) const;

    bool operator==(const Shape& other) const;
    std::string text() const;  // "[2, 3, 4]"

  private:
    int64_t product_of_first(int axes) const;

    std::array<int64_t, max_rank> sizes_{};
    int rank_ = 0;
};

// The shape that both can be repeated to: aligned at their last axes, the sizes of each axis must be equal, or one of
// them 1 or missing. Empty where they do not fit so. The rule is NumPy's and PyTorch's.
std::optional<Shape> broadcast(const Shape& a, const Shape& b);

}  // namespace swingrad

template <>
struct fmt::formatter<swingrad::Shape> : fmt::formatter<std::string> {
    template <class Context>
    auto format(const swingrad::Shape& shape, Context& context) const {
        return fmt::formatter<std::string>::format(shape.text(), context);
    }
};
