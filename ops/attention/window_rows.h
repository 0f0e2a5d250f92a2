// Rows of C numbers, one a token, between a map [images, H, W, C] and its windows: on the calling thread, for the
// windows [begin, end), counted over all images.
#pragma once

#include "ops/window.h"

#include <algorithm>

namespace swingrad {

// The windows' tokens one after the other, padding as zeros.
template <class T>
void gather_windows(const WindowTable& table, int64_t begin, int64_t end, int64_t C, const T* map, T* rows) {
    table.for_each_row(begin, end, [&](int64_t row) {
        if (row >= 0) std::copy_n(map + row * C, C, rows);
        else std::fill_n(rows, C, T(0));
        rows += C;
    });
}

// Back again, padding dropped.
template <class T>
void scatter_windows(const WindowTable& table, int64_t begin, int64_t end, int64_t C, const T* rows, T* map) {
    table.for_each_row(begin, end, [&](int64_t row) {
        if (row >= 0) std::copy_n(rows, C, map + row * C);
        rows += C;
    });
}

}  // namespace swingrad
