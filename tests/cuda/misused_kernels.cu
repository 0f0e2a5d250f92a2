#include "tests/cuda/misused_kernels.h"

#include "cuda/toolkit/kernel.h"

#ifndef __clang__  // which has no such warning
#pragma GCC diagnostic ignored "-Wdangling-pointer"
#endif
#pragma GCC diagnostic ignored "-Wuninitialized"

namespace swingrad::test {

using cuda::compute_stream;
using cuda::launch;

// ---- device memory

struct Operands {
    const float* x;
    float* y;
};
__global__ void struct_kernel(Operands op) {
    op.y[threadIdx.x] = op.x[threadIdx.x];  // wrong: released
}
__global__ void index_kernel(const float* x, float* y, int64_t index) {
    y[threadIdx.x] = x[index];  // wrong: index
}
__global__ void fill_on_kernel(float* y, float value) { y[threadIdx.x] = value; }

void read_by_a_struct(const float* x, float* y) { launch(struct_kernel, 1, 32, 0, compute_stream(), Operands{x, y}); }
void read_at(const float* x, float* y, int64_t index) { launch(index_kernel, 1, 32, 0, compute_stream(), x, y, index); }
void read_from_another(const float* x, const float* other, float* y) { read_at(x, y, other - x); }
void fill_on(cuda::Stream stream, float* y, float value) { launch(fill_on_kernel, 1, 32, 0, stream, y, value); }

// ---- local variables

__global__ void reads_beyond_a_local_kernel(int by, float* y) {
    float local[4] = {1, 2, 3, 4};
    const float* const p = local;
    y[threadIdx.x] = p[3 + by];  // wrong: reads_beyond_a_local
}
__global__ void writes_beyond_a_local_kernel(int by, float* y) {
    float local[4] = {1, 2, 3, 4};
    float* const p = local;
    p[3 + by] = 5;  // wrong: writes_beyond_a_local
    y[threadIdx.x] = local[by & 3];
}
[[gnu::noinline]] __device__ void put(float* to, int index) { to[index] = 5; }
[[gnu::noinline]] __device__ float with_a_helper(int by) {
    float local[4] = {1, 2, 3, 4};
    put(local, 3 + by);
    return local[by & 3];
}
__global__ void writes_in_a_helper_kernel(int by, float* y) { y[threadIdx.x] = with_a_helper(by); }

void step_beyond_a_local(Beyond how, int by, float* y) {
    const auto kernel = how == Beyond::reads    ? reads_beyond_a_local_kernel
                        : how == Beyond::writes ? writes_beyond_a_local_kernel
                                                : writes_in_a_helper_kernel;
    launch(kernel, 1, 32, 0, compute_stream(), by, y);
}

[[gnu::noinline]] __device__ void lend(float** to) {
    float local[4] = {1, 2, 3, 4};
    put(local, static_cast<int>(threadIdx.x) % 4);
    *to = local;
}
__global__ void keeps_a_local_kernel(float* y) {
    float* local = y;
    lend(&local);
    y[threadIdx.x] = local[1];  // wrong: keeps_a_local
}
void keep_a_local(float* y) { launch(keeps_a_local_kernel, 1, 32, 0, compute_stream(), y); }

__global__ void neighbours_local_kernel(float* y) {
    __shared__ float* of_thread[32];
    float local[4] = {1, 2, 3, 4};
    put(local, static_cast<int>(threadIdx.x) % 4);
    of_thread[threadIdx.x] = local;
    __syncthreads();
    y[threadIdx.x] = of_thread[31 - threadIdx.x][1];  // wrong: neighbours_local
    __syncthreads();
}
void use_a_neighbours_local(float* y) { launch(neighbours_local_kernel, 1, 32, 0, compute_stream(), y); }

__global__ void sum_from_nothing_kernel(const float* x, float* y, int n) {
    float sum;
    for (int i = 0; i < n; ++i) sum += x[i];
    y[threadIdx.x] = sum;  // wrong: sum_from_nothing
}
void sum_from_nothing(const float* x, float* y, int n) {
    launch(sum_from_nothing_kernel, 1, 32, 0, compute_stream(), x, y, n);
}

__global__ void unset_array_kernel(const float* x, float* y, int n) {
    float local[8];
    for (int i = 0; i < n; ++i) local[i] = x[i];
    y[threadIdx.x] = local[threadIdx.x % 8];  // wrong: unset_array
}
void read_an_unset_array(const float* x, float* y, int n) {
    launch(unset_array_kernel, 1, 32, 0, compute_stream(), x, y, n);
}

// ---- launches

__global__ void __launch_bounds__(128) bounded_kernel(float* y) { y[threadIdx.x] = 1; }
constexpr unsigned warps = 2;
template <class T>
__global__ void __launch_bounds__(warps* cuda::warp_size, 4) bounded_by_a_constant_kernel(T* y) {
    y[threadIdx.x] = 1;
}
void launch_bounded(float* y, unsigned threads) { launch(bounded_kernel, 1, threads, 0, compute_stream(), y); }
void launch_bounded_by_a_constant(float* y, unsigned threads) {
    launch(bounded_by_a_constant_kernel<float>, 1, threads, 0, compute_stream(), y);
}

__global__ void much_static_shared_kernel(float* y) {
    __shared__ float s[13000];
    s[threadIdx.x * 100] = 1;
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x * 100];
}
void use_much_static_shared(float* y) { launch(much_static_shared_kernel, 1, 32, 0, compute_stream(), y); }

// ---- waiting for others

__global__ void waits_for_a_block_kernel(volatile int* flag) {
    if (blockIdx.x == 1) *flag = 1;
    while (blockIdx.x == 0 && *flag == 0) {  // wrong: waits_for_a_block
    }
}
void wait_for_a_block(int* flag) {
    launch(waits_for_a_block_kernel, 2, 1, 0, compute_stream(), static_cast<volatile int*>(flag));
}

__global__ void waits_for_a_thread_kernel(int* flag, float* y) {
    if (threadIdx.x == 31) atomicExch(flag, 1);
    while (atomicAdd(flag, 0) == 0) {
    }
    y[threadIdx.x] = 1;
}
void wait_for_a_thread(int* flag, float* y) { launch(waits_for_a_thread_kernel, 1, 32, 0, compute_stream(), flag, y); }

__global__ void waits_without_an_access_kernel(int n) {
    const volatile int forever = n;
    while (forever) {
    }
}
void wait_without_an_access() { launch(waits_without_an_access_kernel, 1, 32, 0, compute_stream(), 1); }

// The first warp is done after sixteen sums, the second looks after one.
__global__ void warp_far_ahead_kernel(float* y) {
    __shared__ float result;
    float sum = 1;
    if (threadIdx.x == 0) result = 0;
    __syncthreads();
    for (int i = 0; i < (threadIdx.x < 32 ? 16 : 1); ++i) sum = cuda::warp_sum(sum) / 32;
    if (threadIdx.x == 0) result = 1;  // wrong: warp_far_ahead
    if (threadIdx.x == 32) y[0] = result;
}
void look_at_a_warp_far_ahead(float* y) { launch(warp_far_ahead_kernel, 1, 64, 0, compute_stream(), y); }

// Where the fence is: 0 where it must be, 1 nowhere, 2 before what it is to hand over.
template <int Where>
__global__ void last_block_kernel(const float* x, float* partial, unsigned* ticket, float* y) {
    __shared__ bool is_last;
    const float sum = cuda::warp_sum(x[blockIdx.x * 32 + threadIdx.x]);
    if (threadIdx.x == 0) {
        if (Where == 2) __threadfence();
        partial[blockIdx.x] = sum;
        if (Where == 0) __threadfence();
        is_last = atomicAdd(ticket, 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (!is_last) return;
    float total = 0;
    for (unsigned i = threadIdx.x; i < gridDim.x; i += 32) total += partial[i];  // wrong: last_block
    total = cuda::warp_sum(total);
    if (threadIdx.x != 0) return;
    *y = total;
    *ticket = 0;
}
void sum_by_the_last_block(unsigned blocks, const float* x, float* partial, unsigned* ticket, float* y) {
    launch(last_block_kernel<0>, blocks, 32, 0, compute_stream(), x, partial, ticket, y);
}
void sum_without_a_fence(Fence fence, unsigned blocks, const float* x, float* partial, unsigned* ticket, float* y) {
    launch(fence == Fence::forgotten ? last_block_kernel<1> : last_block_kernel<2>, blocks, 32, 0, compute_stream(), x,
           partial, ticket, y);
}

}  // namespace swingrad::test
