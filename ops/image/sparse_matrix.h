// A matrix of few entries as lists, one row's entries after another's: what resize interpolates by.
#pragma once

#include "cuda/image/resize.h"
#include "ops/operation.h"

#include <vector>

namespace swingrad {

struct MatrixEntry {
    int64_t row, column;
    double weight;
};

// The memory of a SparseMatrix (cuda/image/resize.h).
struct SparseLists {
    Tensor first;   // int32 [rows + 1]
    Tensor column;  // int32 [entries]
    Tensor weight;  // [entries]

    int64_t rows() const { return first.numel() - 1; }
    SparseLists on(Device device) const { return {first.on(device), column.on(device), weight.on(device)}; }

    template <class A>
    operator SparseMatrix<A>() const {
        return {rows(), ptr(first), ptr(column), ptr(weight)};
    }
};

// On the CPU. Entries of one row keep their order, and may share a column. Weights are rounded to `dtype`.
SparseLists sparse_lists(int64_t rows, std::vector<MatrixEntry> entries, DType dtype);

}  // namespace swingrad
