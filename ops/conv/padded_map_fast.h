// What the fast path of a convolution reads: a piece of a map in the type that is summed in, with zeros where it is
// beyond the map.
#pragma once

#include "core/simd.h"
#include "cuda/conv/sliding_axis.h"

#include <algorithm>

namespace swingrad {

// Some channels of a map of one image.
template <class T>
struct MapChannels {
    const T* first;
    int64_t rows, columns, pixel;  // pixel: numbers from one to the next
    int64_t channels;
};

// `to`: [rows, columns, channels] of the ranges.
template <class T>
void copy_padded(const MapChannels<T>& map, IndexRange rows, IndexRange columns, acc_type<T>* to) {
    using A = acc_type<T>;
    const int64_t C = map.channels, before = std::clamp<int64_t>(-columns.begin, 0, columns.end - columns.begin),
                  begin = columns.begin + before, end = std::max(begin, std::min(columns.end, map.columns));
    const auto zeros = [&](int64_t pixels) { to = std::fill_n(to, pixels * C, A(0)); };
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        if (row < 0 || row >= map.rows) {
            zeros(columns.end - columns.begin);
            continue;
        }
        zeros(before);
        const T* from = map.first + (row * map.columns + begin) * map.pixel;
        if (C == map.pixel) {
            widen_row((end - begin) * C, from, to);
            to += (end - begin) * C;
        } else {
            for (int64_t column = begin; column < end; ++column, from += map.pixel, to += C) widen_row(C, from, to);
        }
        zeros(columns.end - end);
    }
}

}  // namespace swingrad
