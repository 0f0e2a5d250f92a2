#include "ops/image/sparse_matrix.h"

#include <algorithm>
#include <numeric>

namespace swingrad {

SparseLists sparse_lists(int64_t rows, std::vector<MatrixEntry> entries, DType dtype) {
    std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    std::vector<int32_t> first(static_cast<size_t>(rows + 1)), column;
    std::vector<double> weight;
    for (const MatrixEntry& entry : entries) {
        first[static_cast<size_t>(entry.row + 1)] += 1;
        column.push_back(static_cast<int32_t>(entry.column));
        weight.push_back(entry.weight);
    }
    std::partial_sum(first.begin(), first.end(), first.begin());
    const auto count = static_cast<int64_t>(entries.size());
    return {Tensor::from({rows + 1}, first), Tensor::from({count}, column), Tensor::from({count}, weight).to(dtype)};
}

}  // namespace swingrad
