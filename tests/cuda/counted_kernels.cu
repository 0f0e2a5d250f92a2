#include "tests/cuda/counted_kernels.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::test {
namespace {

using cuda::compute_stream;
using cuda::launch;

__global__ void copy_every_kernel(int64_t n, int64_t step, const float* x, float* y) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i * step];
}

__global__ void copy_by_16_bytes_kernel(int64_t n, const float4* x, float4* y) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i];
}

__global__ void read_by_all_kernel(const float* x, float* y) { y[blockIdx.x * 32 + threadIdx.x] = x[threadIdx.x] + 1; }

__global__ void step_through_shared_kernel(int step, float* y) {
    float* const shared = cuda::dynamic_shared<float>();
    shared[threadIdx.x * step] = static_cast<float>(threadIdx.x);
    y[threadIdx.x] = shared[threadIdx.x * step];
}

}  // namespace

void copy_every(int64_t n, int64_t step, const float* x, float* y) {
    launch(copy_every_kernel, static_cast<unsigned>((n + 63) / 64), 64, 0, compute_stream(), n, step, x, y);
}
void copy_by_16_bytes(int64_t n, const float* x, float* y) {
    launch(copy_by_16_bytes_kernel, static_cast<unsigned>((n / 4 + 63) / 64), 64, 0, compute_stream(), n / 4,
           reinterpret_cast<const float4*>(x), reinterpret_cast<float4*>(y));
}
void read_by_all(unsigned blocks, const float* x, float* y) {
    launch(read_by_all_kernel, blocks, 32, 0, compute_stream(), x, y);
}
void step_through_shared(int step, float* y) {
    launch(step_through_shared_kernel, 1, 32, static_cast<size_t>(32 * step) * sizeof(float), compute_stream(), step,
           y);
}

}  // namespace swingrad::test
