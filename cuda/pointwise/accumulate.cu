// What the tape needs of a device: numbers written, and a look for values that are not finite.
//
// fill writes by cuda/toolkit/elementwise.h. first_not_finite has a thread for each element; a thread that finds
// one lowers a common index, and the least of many indices is the same in whatever order they come. A diagnostic: it
// reads the index back.

#include "cuda/pointwise/accumulate.h"

#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

using Index = unsigned long long;  // what CUDA has an atomicMin of

template <class T>
__global__ void fill_kernel(int64_t count, acc_type<T> value, T* to) {
    map_elements(
        count, [=] { return value; }, to);
}

template <class T>
__global__ void first_not_finite_kernel(int64_t count, const T* x, Index* first) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < count && !isfinite(widen(x[i]))) atomicMin(first, static_cast<Index>(i));
}

// ---- launchers

template <class T>
void fill(int64_t count, acc_type<T> value, T* to) {
    if (count == 0) return;
    launch(fill_kernel<T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(), count, value, to);
}

template <class T>
int64_t first_not_finite(int64_t count, const T* x) {
    if (count == 0) return 0;
    const Scratch<Index> first(1);
    fill(1, static_cast<Index>(count), first.data());
    launch(first_not_finite_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), count, x, first.data());
    Index found = 0;
    copy_to_host(&found, first.data(), sizeof found, compute_stream());
    synchronise(compute_stream());
    return static_cast<int64_t>(found);
}

#define INSTANTIATE(T)                            \
    template void fill(int64_t, acc_type<T>, T*); \
    template int64_t first_not_finite(int64_t, const T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda
