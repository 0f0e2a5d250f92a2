#include "tests/cuda/sound_kernels.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums_device.h"

namespace swingrad::test {
namespace {

using cuda::compute_stream;
using cuda::launch;

__global__ void number_threads_kernel(int64_t* y) {
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned number = block * blockDim.x * blockDim.y * blockDim.z + thread;
    y[number] = number;
}

__global__ void try_warp_kernel(const float* values, float* y) {
    const unsigned lane = threadIdx.x;
    const float v = values[lane];
    const auto put = [&](unsigned row, float value) { y[row * 32 + lane] = value; };
    put(0, __shfl_sync(cuda::all_lanes, v, 5));
    put(1, __shfl_sync(cuda::all_lanes, v, 3, 8));
    put(2, __shfl_xor_sync(cuda::all_lanes, v, 1));
    put(3, __shfl_xor_sync(cuda::all_lanes, v, 9, 8));
    put(4, __shfl_down_sync(cuda::all_lanes, v, 4));
    put(5, __shfl_up_sync(cuda::all_lanes, v, 3));
    put(6, static_cast<float>(__popc(__ballot_sync(cuda::all_lanes, v > 0))));
    // Groups of 8 lanes that go their own ways.
    float sum = v;
    const unsigned mine = 0xffu << (lane / 8 * 8);
    for (int distance = 4; distance > 0; distance /= 2) sum += __shfl_xor_sync(mine, sum, distance);
    const bool any = __any_sync(mine, v > 0), all = __all_sync(mine, v > 0);
    put(7, sum + (any ? 1000.0f : 0.0f) + (all ? 2000.0f : 0.0f));
    put(8, cuda::warp_sum(v));
    sum = v;
    for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(cuda::all_lanes, sum, distance);
    put(9, sum);
}

__global__ void try_warp_max_kernel(const double* values, double* y) {
    y[threadIdx.x] = cuda::warp_max(values[threadIdx.x]);
}

__device__ float block_sum(float v) {
    __shared__ float part[32];
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
    v = cuda::warp_sum(v);
    __syncthreads();
    if (lane == 0) part[warp] = v;
    __syncthreads();
    return cuda::warp_sum(lane < warps ? part[lane] : 0.0f);
}
__global__ void sum_by_block_kernel(int64_t n, const float* x, float* y) {
    float sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += x[i];
    sum = block_sum(sum) + 0 * block_sum(1);
    if (threadIdx.x == 0) *y = sum;
}

__global__ void vote_kernel(const float* x, float* y) {
    const bool positive = x[threadIdx.x] > 0;
    const int count = __syncthreads_count(positive), any = __syncthreads_or(positive),
              all = __syncthreads_and(positive);
    if (threadIdx.x != blockDim.x - 1) return;
    y[0] = static_cast<float>(count);
    y[1] = static_cast<float>(any);
    y[2] = static_cast<float>(all);
}

__global__ void __launch_bounds__(256) transpose_kernel(int64_t n, const float* __restrict__ x, float* __restrict__ y) {
    float(*const tile)[33] = reinterpret_cast<float(*)[33]>(cuda::dynamic_shared<float>());
    const int64_t row = int64_t{blockIdx.y} * 32, column = int64_t{blockIdx.x} * 32;
#pragma unroll
    for (unsigned j = threadIdx.y; j < 32; j += 8)
        if (row + j < n && column + threadIdx.x < n) tile[j][threadIdx.x] = x[(row + j) * n + column + threadIdx.x];
    __syncthreads();
    for (unsigned j = threadIdx.y; j < 32; j += 8)
        if (column + j < n && row + threadIdx.x < n) y[(column + j) * n + row + threadIdx.x] = tile[threadIdx.x][j];
}

// The second sum may not overwrite what the first has yet to read.
__global__ void sum_columns_twice_kernel(int64_t rows, int64_t C, const float* x, float* y) {
    const int64_t column = int64_t{blockIdx.x} * cuda::sum_columns + threadIdx.x;
    for (int round = 0; round < 2; ++round) {
        const float factor = static_cast<float>(round + 1);
        const float sum =
            cuda::group_column_sum<float>(rows, 1, C, [=](int64_t row, int64_t c) { return factor * x[row * C + c]; });
        if (threadIdx.y == 0 && column < C) y[round * C + column] = sum;
    }
}

__global__ void reverse_by_warp_kernel(int64_t n, const float* x, float* y) {
    __shared__ float s[2][32];
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    for (int64_t begin = warp * 32; begin < n; begin += 64) {
        s[warp][lane] = x[begin + lane];
        __syncwarp();
        y[begin + lane] = s[warp][31 - lane];
        __syncwarp();
    }
}

__global__ void count_by_atomics_kernel(int* y, double* z) {
    const int number = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&y[0], 1);
    atomicMax(&y[1], number);
    atomicMin(&y[2], number);
    atomicAdd(z, 0.25);
}

__global__ void copy_in_groups_kernel(const float* x, float* y) {
    __shared__ __align__(16) float s[2][32];
    const unsigned at = threadIdx.x * 4;  // 8 threads
    cuda::async_copy16(&s[0][at], x + at);
    cuda::async_commit();
    cuda::async_copy16(&s[1][at], x + 32 + at);
    cuda::async_commit();
    cuda::async_wait<1>();
    __syncthreads();
    for (unsigned i = threadIdx.x; i < 32; i += 8) y[i] = s[0][31 - i];
    cuda::async_wait<0>();
    __syncthreads();
    for (unsigned i = threadIdx.x; i < 32; i += 8) y[32 + i] = s[1][31 - i];
}

__global__ void multiply_by_wmma_kernel(const bfloat16* a, const bfloat16* b, float* c) {
    using namespace nvcuda::wmma;
    const auto as_cuda = [](const bfloat16* from) { return reinterpret_cast<const __nv_bfloat16*>(from); };
    fragment<matrix_a, 16, 16, 16, __nv_bfloat16, row_major> left;
    fragment<matrix_b, 16, 16, 16, __nv_bfloat16, col_major> right;
    fragment<accumulator, 16, 16, 16, float> sum;
    fill_fragment(sum, 0.0f);
    load_matrix_sync(left, as_cuda(a), 16);
    load_matrix_sync(right, as_cuda(b), 16);
    mma_sync(sum, left, right, sum);
    for (int i = 0; i < sum.num_elements; ++i) sum.x[i] *= 2;
    store_matrix_sync(c, sum, 16, mem_row_major);
}

__constant__ float factor = 2;

__global__ void try_arithmetic_kernel(float* y) {
    const float4 four = make_float4(1, 2, 3, 4);
    y[0] = rsqrtf(16.0f);
    y[1] = static_cast<float>(rsqrt(16.0));
    y[2] = __expf(0.0f);
    y[3] = __fdividef(1.0f, factor);
    y[4] = static_cast<float>(__popc(0xf0u) + min(1, 2) + max(3u, 4u));
    y[5] = four.w;
}

__global__ void fill_kernel(int64_t n, double value, float* y) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < n) y[i] = static_cast<float>(value);
}

}  // namespace

void number_threads(int64_t* y) { launch(number_threads_kernel, dim3(2, 3, 2), dim3(4, 3, 2), 0, compute_stream(), y); }
void try_warp(const float* v, float* y) { launch(try_warp_kernel, 1, 32, 0, compute_stream(), v, y); }
void try_warp_max(const double* v, double* y) { launch(try_warp_max_kernel, 1, 32, 0, compute_stream(), v, y); }
void sum_by_block(int64_t n, const float* x, float* y) {
    launch(sum_by_block_kernel, 1, 256, 0, compute_stream(), n, x, y);
}
void vote(const float* x, float* y) { launch(vote_kernel, 1, 48, 0, compute_stream(), x, y); }
void transpose(int64_t n, const float* x, float* y) {
    const unsigned tiles = cuda::blocks_for(n, 32);
    launch(transpose_kernel, dim3(tiles, tiles), dim3(32, 8), 32 * 33 * sizeof(float), compute_stream(), n, x, y);
}
void sum_columns_twice(int64_t rows, int64_t C, const float* x, float* y) {
    launch(sum_columns_twice_kernel, cuda::blocks_for(C, cuda::sum_columns), dim3(cuda::sum_columns, cuda::sum_rows), 0,
           compute_stream(), rows, C, x, y);
}
void reverse_by_warp(int64_t n, const float* x, float* y) {
    launch(reverse_by_warp_kernel, 1, 64, 0, compute_stream(), n, x, y);
}
void count_by_atomics(unsigned blocks, int* y, double* z) {
    launch(count_by_atomics_kernel, blocks, 128, 0, compute_stream(), y, z);
}
void copy_in_groups(const float* x, float* y) { launch(copy_in_groups_kernel, 1, 8, 0, compute_stream(), x, y); }
void multiply_by_wmma(const bfloat16* a, const bfloat16* b, float* c) {
    launch(multiply_by_wmma_kernel, 1, 32, 0, compute_stream(), a, b, c);
}
void try_arithmetic(float* y) { launch(try_arithmetic_kernel, 1, 1, 0, compute_stream(), y); }
void fill(int64_t n, float value, float* y) {
    launch(fill_kernel, cuda::blocks_for(n, 64), 64, 0, compute_stream(), n, value, y);
}

}  // namespace swingrad::test
