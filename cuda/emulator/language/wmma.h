// nvcuda::wmma, the tensor cores: a warp multiplies two 16 x 16 matrices of bfloat16 and adds in float.
//
// Which lane holds which elements of a fragment is the hardware's secret, and here it is another one: lane l holds
// elements 8 l to 8 l + 7 of the matrix row by row. Kernels may only treat all elements alike.
#pragma once

#include "cuda/emulator/language/bfloat16.h"
#include "cuda/emulator/language/warp.h"

namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
    static_assert(M == 16 && N == 16 && K == 16, "the emulator knows wmma's shape 16 x 16 x 16 alone");
    static constexpr int num_elements = 8;
    T x[num_elements];
};

// Where element i of this lane's share lies in a matrix in memory.
inline unsigned place_in_memory(int i, unsigned stride, bool row_by_row) {
    const unsigned element = swingrad::cuda::emulator::lane_of_thread() * 8 + static_cast<unsigned>(i);
    const unsigned row = element / 16, column = element % 16;
    return row_by_row ? row * stride + column : column * stride + row;
}

template <class Fragment, class T>
SWINGRAD_UNCHECKED void fill_fragment(Fragment& f, T value) {
    for (auto& element : f.x) element = value;
}

template <class Use, class T, class Layout>
void load_matrix_sync(fragment<Use, 16, 16, 16, T, Layout>& f, const T* from, unsigned stride, SWINGRAD_SITE) {
    using namespace swingrad::cuda::emulator;
    meet(full_warp, "load_matrix_sync()", meet_only, site);
    for (int i = 0; i < 8; ++i) f.x[i] = from[place_in_memory(i, stride, !std::is_same_v<Layout, col_major>)];
}
template <class T>
void load_matrix_sync(fragment<accumulator, 16, 16, 16, T>& f, const T* from, unsigned stride, layout_t layout,
                      SWINGRAD_SITE) {
    using namespace swingrad::cuda::emulator;
    meet(full_warp, "load_matrix_sync()", meet_only, site);
    for (int i = 0; i < 8; ++i) f.x[i] = from[place_in_memory(i, stride, layout == mem_row_major)];
}
template <class T>
void store_matrix_sync(T* to, const fragment<accumulator, 16, 16, 16, T>& f, unsigned stride, layout_t layout,
                       SWINGRAD_SITE) {
    using namespace swingrad::cuda::emulator;
    meet(full_warp, "store_matrix_sync()", meet_only, site);
    for (int i = 0; i < 8; ++i) to[place_in_memory(i, stride, layout == mem_row_major)] = f.x[i];
}

// d = a b + c
template <class T, class LayoutA, class LayoutB>
SWINGRAD_UNCHECKED void mma_sync(fragment<accumulator, 16, 16, 16, float>& d,
                                 const fragment<matrix_a, 16, 16, 16, T, LayoutA>& a,
                                 const fragment<matrix_b, 16, 16, 16, T, LayoutB>& b,
                                 const fragment<accumulator, 16, 16, 16, float>& c, SWINGRAD_SITE) {
    using namespace swingrad::cuda::emulator;
    struct Share {  // of one lane
        float* d;
        const T* a;
        const T* b;
        const float* c;
    };
    Share share{d.x, a.x, b.x, c.x};
    slots_of_warp().pointer[lane_of_thread()] = &share;
    meet(
        full_warp, "mma_sync()",
        [](WarpSlots& slots, unsigned) SWINGRAD_UNCHECKED {
            float left[16][16], right[16][16], sum[16][16];
            for (int element = 0; element < 256; ++element) {
                const auto& from = *static_cast<const Share*>(slots.pointer[element / 8]);
                const T left_value = from.a[element % 8], right_value = from.b[element % 8];
                left[element / 16][element % 16] = static_cast<float>(left_value);
                right[element / 16][element % 16] = static_cast<float>(right_value);
                sum[element / 16][element % 16] = from.c[element % 8];
            }
            for (int i = 0; i < 16; ++i)
                for (int k = 0; k < 16; ++k)
                    for (int j = 0; j < 16; ++j) sum[i][j] += left[i][k] * right[k][j];
            for (int element = 0; element < 256; ++element)
                static_cast<Share*>(slots.pointer[element / 8])->d[element % 8] = sum[element / 16][element % 16];
        },
        site);
}

}  // namespace nvcuda::wmma
