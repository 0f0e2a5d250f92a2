// Kernels with one mistake each. Where the emulator can name the line, that line is marked `wrong: ` and the name.

#include "tests/cuda/broken_kernels.h"

#include "core/error.h"
#include "cuda/toolkit/kernel.h"

#include <functional>
#include <map>
#include <stdexcept>
#include <vector>

namespace swingrad::test {
namespace {

using cuda::async_commit;
using cuda::async_copy16;
using cuda::dynamic_shared;

// ---- barriers

__global__ void barrier_in_a_branch_kernel(float* y) {
    if (threadIdx.x < 192) __syncthreads();  // wrong: barrier_in_a_branch
    y[threadIdx.x] = 1;
}
__global__ void return_before_a_barrier_kernel(float* y, unsigned n) {
    if (threadIdx.x >= n) return;
    __syncthreads();  // wrong: return_before_a_barrier
    y[threadIdx.x] = 1;
}
__global__ void two_barriers_kernel(float* y) {
    if (threadIdx.x % 2) {
        __syncthreads();  // wrong: two_barriers
        y[threadIdx.x] = 1;
    } else {
        __syncthreads();
        y[threadIdx.x] = 2;
    }
}
__global__ void one_barrier_too_many_kernel(float* y) {
    const int times = threadIdx.x == 7 ? 2 : 1;
    for (int i = 0; i < times; ++i) __syncthreads();  // wrong: one_barrier_too_many
    y[threadIdx.x] = 0;
}
__global__ void barrier_against_shuffle_kernel(float* y) {
    if (threadIdx.x < 48) y[threadIdx.x] = __shfl_sync(0xffffffffu, 1.0f, 0);  // wrong: barrier_against_shuffle
    else __syncthreads();
}

// ---- warps

__global__ void half_a_warp_kernel(float* y) {
    float v = 1;
    if (threadIdx.x < 16) v += __shfl_xor_sync(0xffffffffu, v, 1);  // wrong: half_a_warp
    y[threadIdx.x] = v;
}
__global__ void not_in_its_mask_kernel(float* y) {
    y[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, 1.0f, 1);  // wrong: not_in_its_mask
}
__global__ void returned_lanes_kernel(float* y) {
    if (threadIdx.x >= 20) return;
    y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.0f, 16);  // wrong: returned_lanes
}
__global__ void reads_a_lane_outside_kernel(float* y) {
    if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 20);  // wrong: reads_a_lane_outside
}
__global__ void two_operations_kernel(float* y) {
    if (threadIdx.x % 2) y[threadIdx.x] = __shfl_sync(0xffffffffu, 1.0f, 0);
    else y[threadIdx.x] = static_cast<float>(__ballot_sync(0xffffffffu, 1));  // wrong: two_operations
}
__global__ void two_masks_kernel(float* y) {
    const unsigned mask = threadIdx.x < 16 ? 0xffffffffu : 0xffff8000u;
    y[threadIdx.x] = __shfl_xor_sync(mask, 1.0f, 1);  // wrong: two_masks
}
__global__ void sum_of_half_a_warp_kernel(float* y) {
    if (threadIdx.x < 16) y[threadIdx.x] = cuda::warp_sum(1.0f);  // wrong: sum_of_half_a_warp
}

// ---- shared memory

__global__ void unwritten_shared_kernel(float* y) {
    __shared__ float s[256];
    if (threadIdx.x < 255) s[threadIdx.x] = 1;
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];  // wrong: unwritten_shared
}
__device__ float* helper_with_shared() {
    __shared__ float kept[32];
    return kept;
}
__global__ void unwritten_shared_of_a_helper_kernel(float* y) {
    float* const s = helper_with_shared();
    y[threadIdx.x] = s[threadIdx.x];  // wrong: unwritten_shared_of_a_helper
    s[threadIdx.x] = 1;               // and not there in the next block
}
__global__ void unwritten_dynamic_kernel(float* y) {
    float* const s = dynamic_shared<float>();
    if (threadIdx.x < 255) s[threadIdx.x] = 1;
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];  // wrong: unwritten_dynamic
}
__global__ void beyond_dynamic_kernel(float* y) {
    float* const s = dynamic_shared<float>();
    s[threadIdx.x + 1] = 1;  // wrong: beyond_dynamic
    y[threadIdx.x] = 0;
}
__global__ void beyond_static_kernel(float* y, int by) {
    __shared__ float s[256];
    s[static_cast<int>(threadIdx.x) + by] = 1;  // wrong: beyond_static
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
}
__global__ void beyond_static_by_pointer_kernel(float* y, int by) {
    __shared__ float s[256];
    float* p = s;
    y[threadIdx.x] = 0;
    if (threadIdx.x == 255) y[0] = p[255 + by];  // wrong: beyond_static_by_pointer
}
__global__ void copy_not_waited_for_kernel(const float* x, float* y) {
    __shared__ __align__(16) float s[128];
    async_copy16(&s[threadIdx.x * 4], x + threadIdx.x * 4);
    async_commit();
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];  // wrong: copy_not_waited_for
}

// ---- order

__global__ void no_barrier_kernel(const float* x, float* y) {
    __shared__ float s[256];
    s[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = s[255 - threadIdx.x];  // wrong: no_barrier
}
__global__ void no_second_barrier_kernel(const float* x, float* y, int tiles) {
    __shared__ float s[64];
    float sum = 0;
    for (int tile = 0; tile < tiles; ++tile) {
        s[threadIdx.x] = x[tile * 64 + static_cast<int>(threadIdx.x)];
        __syncthreads();
        for (const float value : s) sum += value;  // wrong: no_second_barrier
    }
    y[threadIdx.x] = sum;
}
__global__ void no_syncwarp_kernel(const float* x, float* y) {
    __shared__ float s[32];
    s[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = s[31 - threadIdx.x];  // wrong: no_syncwarp
}
__global__ void last_writer_wins_kernel(float* y) {
    y[0] = static_cast<float>(threadIdx.x);  // wrong: last_writer_wins
}
__global__ void blocks_add_without_atomics_kernel(float* y) {
    y[0] += 1;  // wrong: blocks_add_without_atomics
}
__global__ void block_reads_its_neighbour_kernel(float* y) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (threadIdx.x == 0 && i > 0) y[1] = y[0];  // wrong: block_reads_its_neighbour
    else y[i] = 1;
}

// ---- global memory

__global__ void writes_beyond_kernel(float* y) {
    y[blockIdx.x * blockDim.x + threadIdx.x] = 1;  // wrong: writes_beyond
}
__global__ void reads_beyond_kernel(const float* x, float* y, int n) {
    const int i = static_cast<int>(threadIdx.x);
    const float v = x[i + 8];  // wrong: reads_beyond
    if (i < n) y[i] = v;
}
__global__ void writes_before_kernel(float* y) {
    y[static_cast<int>(threadIdx.x) - 1] = 1;  // wrong: writes_before
}
__global__ void unwritten_global_kernel(const float* unwritten, float* y) {
    y[threadIdx.x] = unwritten[threadIdx.x];  // wrong: unwritten_global
}
__global__ void null_pointer_kernel(float* y) {
    if (threadIdx.x == 3) y = nullptr;
    y[threadIdx.x] = 1;  // wrong: null_pointer
}
struct Fields {
    float* pointer;
};
__global__ void pointer_in_a_struct_kernel(Fields fields) {
    fields.pointer[threadIdx.x] = 1;  // wrong: pointer_in_a_struct
}
__global__ void misaligned_kernel(float* y, int by) {
    reinterpret_cast<float4*>(y + by)[threadIdx.x] = make_float4(1, 2, 3, 4);  // wrong: misaligned
}

// ---- the rest

__global__ void asserts_kernel(float* y) {
    assert(threadIdx.x != 5 || blockIdx.x != 2);  // wrong: asserts
    y[blockIdx.x * blockDim.x + threadIdx.x] = 0;
}
__global__ void divides_by_zero_kernel(float* y, int d) {
    y[threadIdx.x] = static_cast<float>(10 / (static_cast<int>(threadIdx.x) - d));
}
__device__ float deep(float* y, int depth) {
    volatile float frame[256];
    frame[depth & 255] = y[0];
    return depth > 0 ? deep(y, depth - 1) + frame[depth & 255] : 0;
}
__global__ void overflows_its_stack_kernel(float* y, int depth) { y[threadIdx.x] = deep(y, depth); }
__global__ void throws_kernel(float* y) {
    if (threadIdx.x == 9) throw std::runtime_error("nine");
    y[threadIdx.x] = 0;
}
__global__ void launches_kernel(float* y) { cuda::launch(writes_beyond_kernel, 1, 1, 0, nullptr, y); }

// ---- how each is launched

using Launcher = std::function<void(float*, float*)>;

template <class... Parameters, class... Rest>
Launcher on_y(void (*kernel)(float*, Parameters...), unsigned blocks, unsigned threads, size_t shared, Rest... rest) {
    return [=](float*, float* y) { cuda::launch(kernel, blocks, threads, shared, cuda::compute_stream(), y, rest...); };
}
template <class... Parameters, class... Rest>
Launcher on_x_and_y(void (*kernel)(const float*, float*, Parameters...), unsigned blocks, unsigned threads,
                    Rest... rest) {
    return [=](float* x, float* y) { cuda::launch(kernel, blocks, threads, 0, cuda::compute_stream(), x, y, rest...); };
}

const std::map<std::string, Launcher>& launchers() {
    static const std::map<std::string, Launcher> all{
        {"barrier_in_a_branch", on_y(barrier_in_a_branch_kernel, 4, 256, 0)},
        {"return_before_a_barrier", on_y(return_before_a_barrier_kernel, 1, 256, 0, 200)},
        {"two_barriers", on_y(two_barriers_kernel, 1, 64, 0)},
        {"one_barrier_too_many", on_y(one_barrier_too_many_kernel, 1, 64, 0)},
        {"barrier_against_shuffle", on_y(barrier_against_shuffle_kernel, 1, 64, 0)},
        {"half_a_warp", on_y(half_a_warp_kernel, 1, 32, 0)},
        {"not_in_its_mask", on_y(not_in_its_mask_kernel, 1, 32, 0)},
        {"returned_lanes", on_y(returned_lanes_kernel, 1, 32, 0)},
        {"reads_a_lane_outside", on_y(reads_a_lane_outside_kernel, 1, 32, 0)},
        {"two_operations", on_y(two_operations_kernel, 1, 32, 0)},
        {"two_masks", on_y(two_masks_kernel, 1, 32, 0)},
        {"sum_of_half_a_warp", on_y(sum_of_half_a_warp_kernel, 1, 16, 0)},
        {"unwritten_shared", on_y(unwritten_shared_kernel, 2, 256, 0)},
        {"unwritten_shared_of_a_helper", on_y(unwritten_shared_of_a_helper_kernel, 2, 32, 0)},
        {"unwritten_dynamic", on_y(unwritten_dynamic_kernel, 2, 256, 1024)},
        {"beyond_dynamic", on_y(beyond_dynamic_kernel, 1, 256, 1024)},
        {"beyond_static", on_y(beyond_static_kernel, 1, 256, 0, 1)},
        {"beyond_static_by_pointer", on_y(beyond_static_by_pointer_kernel, 1, 256, 0, 1)},
        {"copy_not_waited_for", on_x_and_y(copy_not_waited_for_kernel, 1, 32)},
        {"no_barrier", on_x_and_y(no_barrier_kernel, 1, 256)},
        {"no_second_barrier", on_x_and_y(no_second_barrier_kernel, 1, 64, 4)},
        {"no_syncwarp", on_x_and_y(no_syncwarp_kernel, 1, 32)},
        {"last_writer_wins", on_y(last_writer_wins_kernel, 1, 64, 0)},
        {"blocks_add_without_atomics", on_y(blocks_add_without_atomics_kernel, 4, 1, 0)},
        {"block_reads_its_neighbour", on_y(block_reads_its_neighbour_kernel, 2, 32, 0)},
        {"writes_beyond", on_y(writes_beyond_kernel, 3, 128, 0)},
        {"reads_beyond", on_x_and_y(reads_beyond_kernel, 1, broken_floats, broken_floats)},
        {"writes_before", on_y(writes_before_kernel, 1, 32, 0)},
        {"unwritten_global", on_x_and_y(unwritten_global_kernel, 1, 32)},
        {"null_pointer", on_y(null_pointer_kernel, 1, 32, 0)},
        {"pointer_in_a_struct",
         [](float*, float*) {
             static float of_the_host = 0;
             cuda::launch(pointer_in_a_struct_kernel, 1, 32, 0, nullptr, Fields{&of_the_host + (1 << 28)});
         }},
        {"host_pointer",
         [](float*, float*) {
             std::vector<float> host(32);
             cuda::launch(writes_beyond_kernel, 1, 32, 0, nullptr, host.data());
         }},
        {"misaligned", on_y(misaligned_kernel, 1, 32, 0, 1)},
        {"asserts", on_y(asserts_kernel, 4, 32, 0)},
        {"divides_by_zero", on_y(divides_by_zero_kernel, 1, 32, 0, 3)},
        {"overflows_its_stack", on_y(overflows_its_stack_kernel, 1, 4, 0, 2000)},
        {"throws", on_y(throws_kernel, 1, 32, 0)},
        {"launches", on_y(launches_kernel, 1, 1, 0)},
        {"too_many_threads", on_y(writes_beyond_kernel, 1, 1025, 0)},
        {"too_much_shared", on_y(writes_beyond_kernel, 1, 32, size_t{1} << 20)},
        {"no_blocks", on_y(writes_beyond_kernel, 0, 32, 0)},
    };
    return all;
}

}  // namespace

void launch_broken(const std::string& name, float* x, float* y) {
    const auto found = launchers().find(name);
    check(found != launchers().end(), "[test] no broken kernel is called {}", name);
    found->second(x, y);
}

}  // namespace swingrad::test
