// What CUDA adds to C++, for an ordinary compiler: keywords, vector types, built-in variables.
#pragma once

#include "cuda/emulator/language/sanitizer.h"

// Where a function runs makes no difference here.
#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
// So many bytes that do nothing lie before the kernel, where symbols.cpp counts them. (+ 0: GCC 12 takes an expression,
// but no name of a constant.)
#define __launch_bounds__(threads, ...) __attribute__((patchable_function_entry((threads) + 0, (threads) + 0)))
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))

// The threads of a block share one thread of the operating system, and no two blocks run on it at once: what that
// thread alone can see is the block's. AddressSanitizer guards plain variables only; blocks then run one at a time.
#if defined(SWINGRAD_ADDRESS_SANITIZER)
#define __shared__ static
#else
#define __shared__ static thread_local __attribute__((tls_model("initial-exec")))
#endif

// The emulator's own work inside a kernel file is not to be seen by the access checker (engine/checker.h).
#define SWINGRAD_UNCHECKED __attribute__((no_sanitize("thread")))

namespace swingrad::cuda::emulator {

// A place in the source. As a parameter's default, `Site site = Site::current()`, it is the caller's place.
struct Site {
    const char* file = "";
    unsigned line = 0;

    static constexpr Site current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
        return {file, line};
    }
};

}  // namespace swingrad::cuda::emulator

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    constexpr dim3(unsigned x_size = 1, unsigned y_size = 1, unsigned z_size = 1) : x(x_size), y(y_size), z(z_size) {}
};

struct alignas(8) float2 {
    float x, y;
};
struct float3 {
    float x, y, z;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) double2 {
    double x, y;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

inline float2 make_float2(float x, float y) { return {x, y}; }
inline float3 make_float3(float x, float y, float z) { return {x, y, z}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// Ordinary variables, and as such visible in a debugger. initial-exec: reading one is a single load.
#define SWINGRAD_BUILTIN inline constinit thread_local __attribute__((tls_model("initial-exec")))
SWINGRAD_BUILTIN uint3 threadIdx{}, blockIdx{};
SWINGRAD_BUILTIN dim3 blockDim{}, gridDim{};
#undef SWINGRAD_BUILTIN
inline constexpr int warpSize = 32;
