// Column sums: see sums.h for what, sums_device.h for the plan of the first of two launches. Bytes moved: x once, and
// 2 groups C for the partial sums, which stay in the cache.

#include "cuda/toolkit/sums.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums_device.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

namespace swingrad::cuda {

// A sum of groups that was put off.
template <class T>
struct GroupSum {
    const T* partial;
    T* to;
    int64_t groups, stride, count;
};

// Sums that one launch adds up. It is a kernel's argument, of which there may be 4 KiB. Not an array of structs: where
// GCC 12 clears what lies between the members of what holds one, as the access checker asks, it clears members.
template <class T>
struct SumTable {
    static constexpr size_t most_rows = 96;
    const T* partial[most_rows];
    T* to[most_rows];
    int64_t groups[most_rows], stride[most_rows], count[most_rows];
};

namespace {

constexpr int64_t rows_a_group = 128, most_groups = 128;

struct Deferred {
    const char *begin = nullptr, *end = nullptr;  // both null: nothing is put off
    std::vector<GroupSum<float>> rows;
    std::vector<PartialSums<float>> kept;
};
thread_local Deferred deferred;

bool is_deferred(const void* to) {
    const auto* const at = static_cast<const char*>(to);
    return deferred.begin && at >= deferred.begin && at < deferred.end;
}

}  // namespace

template <class T>
__global__ void column_sums_kernel(int64_t rows, int64_t groups, int64_t C, const T* x, acc_type<T>* partial) {
    const auto sum =
        group_column_sum<acc_type<T>>(rows, groups, C, [=](int64_t row, int64_t c) { return widen(x[row * C + c]); });
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    if (threadIdx.y == 0 && column < C) partial[blockIdx.y * C + column] = sum;
}

// A thread an element: it walks down the groups, in order.
template <class T>
__device__ void add_groups_of(int64_t groups, int64_t stride, int64_t count, const T* partial, T* to) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= count) return;
    T sum = partial[i];
    for (int64_t group = 1; group < groups; ++group) sum += partial[group * stride + i];
    to[i] = sum;
}
template <class T>
__global__ void add_groups_kernel(int64_t groups, int64_t stride, int64_t count, const T* partial, T* to) {
    add_groups_of(groups, stride, count, partial, to);
}

// blockIdx.y says which sum.
template <class T>
__global__ void add_groups_of_table_kernel(SumTable<T> table) {
    const unsigned row = blockIdx.y;
    add_groups_of(table.groups[row], table.stride[row], table.count[row], table.partial[row], table.to[row]);
}

int64_t row_groups(int64_t rows) { return std::clamp<int64_t>(rows / rows_a_group, 1, most_groups); }

template <class T>
void add_groups(int64_t groups, int64_t stride, int64_t count, const T* partial, T* to) {
    if (count == 0) return;
    launch(add_groups_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), groups, stride, count, partial, to);
}

template <class T>
void add_groups_of_gradient(int64_t groups, int64_t stride, int64_t count, const PartialSums<T>& partial, int64_t from,
                            T* to) {
    if constexpr (std::is_same_v<T, float>)
        if (is_deferred(to)) {
            if (count > 0) deferred.rows.push_back({partial->data() + from, to, groups, stride, count});
            deferred.kept.push_back(partial);
            return;
        }
    add_groups(groups, stride, count, partial->data() + from, to);
}

DeferredSums::DeferredSums(const void* gradients, size_t bytes) {
    const auto* const begin = static_cast<const char*>(gradients);
    deferred = {begin, begin + bytes, {}, {}};
}
DeferredSums::~DeferredSums() { deferred = {}; }

namespace {

void finish_deferred() {
    const std::vector<GroupSum<float>> rows = std::exchange(deferred.rows, {});
    const std::vector<PartialSums<float>> kept = std::exchange(deferred.kept, {});  // until all is launched
    for (size_t begin = 0; begin < rows.size(); begin += SumTable<float>::most_rows) {
        const size_t count = std::min(rows.size() - begin, SumTable<float>::most_rows);
        SumTable<float> table{};
        int64_t longest = 0;
        for (size_t i = 0; i < count; ++i) {
            const GroupSum<float>& row = rows[begin + i];
            table.partial[i] = row.partial, table.to[i] = row.to;
            table.groups[i] = row.groups, table.stride[i] = row.stride, table.count[i] = row.count;
            longest = std::max(longest, row.count);
        }
        launch(add_groups_of_table_kernel<float>, dim3(blocks_for(longest, 256), static_cast<unsigned>(count)), 256, 0,
               compute_stream(), table);
    }
}

}  // namespace

void DeferredSums::finish() { finish_deferred(); }

void settle_deferred_sums(const void* gradient) {
    if (is_deferred(gradient)) finish_deferred();
}

template <class T>
void column_sums(int64_t rows, int64_t C, const T* x, acc_type<T>* sums) {
    if (C == 0) return;
    const int64_t groups = row_groups(rows);
    const auto partial = partial_sums<acc_type<T>>(groups * C);
    launch(column_sums_kernel<T>, dim3(blocks_for(C, sum_columns), static_cast<unsigned>(groups)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), rows, groups, C, x, partial->data());
    add_groups_of_gradient(groups, C, C, partial, 0, sums);
}

template void add_groups_of_gradient(int64_t, int64_t, int64_t, const PartialSums<float>&, int64_t, float*);
template void add_groups_of_gradient(int64_t, int64_t, int64_t, const PartialSums<double>&, int64_t, double*);
template void add_groups(int64_t, int64_t, int64_t, const float*, float*);
template void add_groups(int64_t, int64_t, int64_t, const double*, double*);
template void column_sums(int64_t, int64_t, const float*, float*);
template void column_sums(int64_t, int64_t, const double*, double*);
template void column_sums(int64_t, int64_t, const bfloat16*, float*);

}  // namespace swingrad::cuda
