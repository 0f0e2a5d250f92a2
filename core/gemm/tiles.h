// Tile registers (AMX): eight of them, each 16 rows of 64 bytes. One instruction multiplies a tile of 16 rows of 16
// pairs of bfloat16 by one of 16 pairs by 16 columns, and adds the 16 x 16 sums to a tile of floats: 8192
// multiplications and additions, where a vector instruction of AVX512-BF16 makes 32.
//
//   Tiles::begin()               what a thread does before its first tile: says how large the tiles are
//   Tiles::zero<t>()             tile t = 0
//   Tiles::load<t>(from, row)    16 rows of 64 bytes, `row` bytes apart; 0 repeats one row
//   Tiles::store<t>(to, row)
//   Tiles::multiply<c, a, b>()   c[i][j] += sum over k of a[i][k] b[k][j], over pairs k and both numbers of each
//
// TileRegisters are the processor's, EmulatedTiles the same in plain C++, so that what is built on them is tested on
// any machine. Source: Intel, "Architecture instruction set extensions programming reference", chapter 3. Test:
// tests/core/gemm/test_tiles.cpp.
#pragma once

#include "core/gemm/small_product.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace swingrad {

constexpr int64_t tile_side = 16;  // rows of a tile; and pairs, or floats, of a row

#ifdef __AMX_BF16__
constexpr bool multiplies_tiles = true;

// By assembly, since GCC 12's intrinsics do not tell the compiler that they read memory.
struct TileRegisters {
    static void begin() {
        static thread_local const bool configured = configure();
        static_cast<void>(configured);
    }
    template <int t>
    [[gnu::always_inline]] static void zero() {
        asm volatile("tilezero %%tmm%c0" ::"i"(t));
    }
    template <int t>
    [[gnu::always_inline]] static void load(const void* from, int64_t row) {
        asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(row), "i"(t) : "memory");
    }
    template <int t>
    [[gnu::always_inline]] static void store(void* to, int64_t row) {
        asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(row), "i"(t) : "memory");
    }
    template <int c, int a, int b>
    [[gnu::always_inline]] static void multiply() {
        asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));
    }

  private:
    static bool configure() {
        struct alignas(64) {
            uint8_t palette = 1, first_row = 0, reserved[14] = {};
            uint16_t row_bytes[16] = {};
            uint8_t rows[16] = {};
        } sizes;
        for (int t = 0; t < 8; ++t) {
            sizes.row_bytes[t] = 64;
            sizes.rows[t] = tile_side;
        }
        asm volatile("ldtilecfg %0" ::"m"(sizes));
        return true;
    }
};
#else
constexpr bool multiplies_tiles = false;
#endif

struct EmulatedTiles {
    static void begin() {}
    template <int t>
    static void zero() {
        std::memset(tiles[t], 0, sizeof tiles[t]);
    }
    template <int t>
    static void load(const void* from, int64_t row) {
        for (int64_t i = 0; i < tile_side; ++i)
            std::memcpy(tiles[t][i], static_cast<const char*>(from) + i * row, sizeof tiles[t][i]);
    }
    template <int t>
    static void store(void* to, int64_t row) {
        for (int64_t i = 0; i < tile_side; ++i)
            std::memcpy(static_cast<char*>(to) + i * row, tiles[t][i], sizeof tiles[t][i]);
    }
    template <int c, int a, int b>
    static void multiply() {
        for (int64_t i = 0; i < tile_side; ++i)
            for (int64_t j = 0; j < tile_side; ++j) {
                float first = 0, second = 0;  // the two numbers of the pairs have a sum each
                for (int64_t k = 0; k < tile_side; ++k) {
                    const uint32_t pair_a = tiles[a][i][k], pair_b = tiles[b][k][j];
                    first += number(pair_a << 16) * number(pair_b << 16);
                    second += number(pair_a & 0xffff0000u) * number(pair_b & 0xffff0000u);
                }
                tiles[c][i][j] = std::bit_cast<uint32_t>(number(tiles[c][i][j]) + (first + second));
            }
    }

  private:
    static float number(uint32_t bits) { return std::bit_cast<float>(bits); }
    inline static thread_local uint32_t tiles[8][tile_side][tile_side];
};

}  // namespace swingrad
