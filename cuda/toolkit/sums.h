// Sums over many rows into one, with the same bits every time: no atomics, whose order is left to chance.
//
// The rows are cut into groups, a number that depends on the rows alone. A group's sum is taken by one block in a fixed
// order; the groups' sums are added in order. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// In how many groups the gradient of a parameter is summed over so many rows: enough blocks for a GPU, and few enough
// that adding the groups up is cheap.
int64_t row_groups(int64_t rows);

// sums[c] = the sum over rows of x[row, c]; x [rows, C], sums [C]. The gradient of a bias.
template <class T>
void column_sums(int64_t rows, int64_t C, const T* x, acc_type<T>* sums);

// to[i] = partial[i] + partial[stride + i] + partial[2 stride + i] + ..., `groups` terms, for i below `count`. T: float
// or double.
template <class T>
void add_groups(int64_t groups, int64_t stride, int64_t count, const T* partial, T* to);

}  // namespace swingrad::cuda
