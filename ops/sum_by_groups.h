// Sums over many rows that come out with the same bits for any number of threads.
#pragma once

#include "core/gemm/gemm.h"
#include "core/tensor.h"
#include "core/threads.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace swingrad {

// sums[c] += the sum over rows of from[row, c].
template <class T>
void add_column_sums(int64_t rows, int64_t columns, const T* from, acc_type<T>* sums) {
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t c = 0; c < columns; ++c) sums[c] += widen(from[row * columns + c]);
}

// Where a stretch of the sums goes, and how many numbers that is: to their own type or, rounded, to bfloat16.
template <class T>
class SumTarget {
  public:
    SumTarget(T* to, int64_t count) : to_(to), count_(count) {}
    SumTarget(bfloat16* to, int64_t count) : rounded_to_(to), count_(count) {}

    int64_t count() const { return count_; }
    void write(int64_t begin, int64_t end, const T* sums) const {
        if (to_) std::copy(sums + begin, sums + end, to_ + begin);
        if constexpr (std::is_same_v<T, float>)
            if (rounded_to_)
                for (int64_t i = begin; i < end; ++i) rounded_to_[i] = bfloat16(sums[i]);
    }

  private:
    T* to_ = nullptr;
    bfloat16* rounded_to_ = nullptr;
    int64_t count_;
};

// sum_groups for the gradient of a weight [.., C], but of at least C rows each: of fewer, a group's sums would be
// larger than what they sum over.
inline int64_t groups_of_weights(int64_t rows, int64_t C) {
    const int64_t most = std::max<int64_t>(rows / C, 1);
    int64_t groups = sum_groups(rows);
    while (groups > most) groups /= 2;
    return groups;
}

// The rows [0, rows) are cut into groups, at most one a row, whose number must not depend on the number of threads
// (sum_groups). body(begin, end, sums) adds a group's rows into `sums`, `width` numbers of the group's own; groups run
// in parallel; where there is but one, its body is not a piece of parallel work, and may share its own with all
// threads. The groups' sums are then added in order and written to the targets, whose counts add up to `width`. The
// first `written` sums (a weight's, too many to clear) are not zeros before: the body writes them with its first rows
// and adds the rest. The others begin as zeros. Without any rows all are zeros, and body is not called.
template <class T>
void sum_by_groups(int64_t groups, int64_t rows, int64_t width, const std::function<void(int64_t, int64_t, T*)>& body,
                   const std::vector<SumTarget<T>>& targets, int64_t written = 0) {
    groups = std::min(groups, std::max<int64_t>(rows, 1));
    const Tensor sums = Tensor::empty({groups, width}, dtype_of<T>());
    parallel_for(groups, [&](int64_t group) {
        T* own = sums.data<T>() + group * width;
        std::fill(rows > 0 ? own + written : own, own + width, T(0));
        if (rows > 0) body(rows * group / groups, rows * (group + 1) / groups, own);
    });
    int64_t first = 0;
    for (const SumTarget<T>& target : targets) {
        T* const total = sums.data<T>() + first;  // of group 0, to which the others are added
        parallel_chunks(target.count(), 1 << 14, [&](int64_t begin, int64_t end) {
            for (int64_t group = 1; group < groups; ++group)
                for (int64_t i = begin; i < end; ++i) total[i] += total[group * width + i];
            target.write(begin, end, total);
        });
        first += target.count();
    }
}

}  // namespace swingrad
