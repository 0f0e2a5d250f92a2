// CUDA's bfloat16, laid out like core's. Kernels work on swingrad::bfloat16; this one is for wmma fragments, to which a
// pointer is cast.
#pragma once

#include "core/element.h"
#include "cuda/emulator/language/keywords.h"

#include <bit>

struct __nv_bfloat16 {
    unsigned short __x;

    __nv_bfloat16() = default;
    __nv_bfloat16(float value) : __x(swingrad::bfloat16(value).bits) {}
    operator float() const { return std::bit_cast<float>(static_cast<unsigned>(__x) << 16); }
};
struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};

inline float __bfloat162float(__nv_bfloat16 value) { return value; }
inline __nv_bfloat16 __float2bfloat16(float value) { return value; }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return value; }
inline __nv_bfloat162 __floats2bfloat162_rn(float low, float high) { return {low, high}; }
inline float2 __bfloat1622float2(__nv_bfloat162 pair) { return {pair.x, pair.y}; }
