// Sums over many rows into one, with the same bits every time: no atomics, whose order is left to chance.
//
// The rows are cut into groups, a number that depends on the rows alone. A group's sum is taken by one block in a fixed
// order; the groups' sums are added in order. T: float, double or bfloat16.
#pragma once

#include "core/element.h"
#include "cuda/runtime/scratch.h"

#include <cstddef>
#include <cstdint>
#include <memory>

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

// The same from element `from` of `partial`, for the gradient of a parameter, which the caller itself does not read: it
// may come later (below). `partial` is kept until then.
template <class T>
using PartialSums = std::shared_ptr<const Scratch<T>>;
template <class T>
PartialSums<T> partial_sums(int64_t count) {
    return std::make_shared<const Scratch<T>>(count);
}
template <class T>
void add_groups_of_gradient(int64_t groups, int64_t stride, int64_t count, const PartialSums<T>& partial, int64_t from,
                            T* to);

// A backward pass adds up groups for every bias, norm and scale: small launches, a third of all. While one of these
// lives, this thread's add_groups_of_gradient() into `bytes` from `gradients` on are put off, and finish() does them in
// one launch, or a few, with the same bits. Without finish(), as where an error ends the pass, they are dropped.
class DeferredSums {
  public:
    DeferredSums(const void* gradients, size_t bytes);
    ~DeferredSums();
    DeferredSums(const DeferredSums&) = delete;
    DeferredSums& operator=(const DeferredSums&) = delete;

    void finish();
};
// Before `gradient` is read or added to: what has been put off so far is done now if it may be for that.
void settle_deferred_sums(const void* gradient);

}  // namespace swingrad::cuda
