// Vector registers: loading and storing them (from and to bfloat16 too), sums of rows, transposes. Loops that a
// compiler turns into vectors by itself need nothing of this; those do where a sum over lanes or a matrix of lanes
// comes in. GCC's vector extensions stand for the machine's registers, and must be no wider than these: of a 64-byte
// vector on AVX2 GCC makes a piece of memory. None is a parameter, a result or a member of what is not inlined: how
// wide a register the compiler of another program knows changes nothing between it and this library. Test:
// tests/core/test_simd.cpp.
#pragma once

#include "core/element.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace swingrad {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

// How many numbers a vector holds: 16 floats or 8 doubles with AVX-512.
template <class T>
constexpr int64_t lanes = vector_bytes / static_cast<int64_t>(sizeof(T));

// `count` rounded up to whole vectors: the row length that the products below expect.
template <class T>
constexpr int64_t padded_to_lanes(int64_t count) {
    return (count + lanes<T> - 1) / lanes<T> * lanes<T>;
}

template <class T>
using Vector [[gnu::vector_size(vector_bytes)]] = T;

namespace detail {
using Halves [[gnu::vector_size(vector_bytes / 2)]] = uint16_t;  // as many as a vector has floats
}

// One vector from memory and back (GCC keeps in memory what memcpy has once touched as a whole array), or one number
// where `vector` is one. Numbers that are stored as T are computed with as acc_type<T>, and rounded as bfloat16's
// constructor does (core/element.h), but for one thing: the instruction that rounds makes subnormal numbers 0, the
// constructor keeps them.
template <class T>
[[gnu::always_inline]] inline void load_vector(auto& vector, const T* from) {
    if constexpr (std::is_arithmetic_v<std::remove_reference_t<decltype(vector)>>) {
        vector = widen(*from);
    } else if constexpr (std::is_same_v<T, bfloat16>) {
        detail::Halves halves;
        std::memcpy(&halves, from, sizeof halves);
#ifdef __AVX512F__  // one instruction, of which GCC 12 makes four by itself; and it warns of the one without a mask
        const auto words = (Vector<uint32_t>)_mm512_maskz_cvtepu16_epi32(0xffff, (__m256i)halves);
#else
        const auto words = __builtin_convertvector(halves, Vector<uint32_t>);
#endif
        vector = (Vector<float>)(words << 16);
    } else {
        std::memcpy(&vector, from, sizeof vector);
    }
}
template <class T>
[[gnu::always_inline]] inline void store_vector(const auto& vector, T* to) {
    if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(vector)>>) {
        *to = narrow<T>(vector);
    } else if constexpr (std::is_same_v<T, bfloat16>) {
#ifdef __AVX512BF16__
        const auto halves = (detail::Halves)_mm512_cvtneps_pbh((__m512)vector);
#else
        const Vector<uint32_t> word = (Vector<uint32_t>)vector;
        const Vector<uint32_t> rounded = (word + 0x7fffu + ((word >> 16) & 1u)) >> 16, quiet = (word >> 16) | 0x40u;
        const auto number = vector == vector;  // NOLINT(misc-redundant-expression): a NaN is not
        const auto halves = __builtin_convertvector(number ? rounded : quiet, detail::Halves);
#endif
        std::memcpy(to, &halves, sizeof halves);
    } else {
        std::memcpy(to, &vector, sizeof vector);
    }
}

namespace detail {

// The numbers of a and b in turn: a0 b0 a1 b1 ..., the first half of them in `low`, the second in `high`.
template <class T, size_t... I>
[[gnu::always_inline]] inline void interleave(const auto& a, const auto& b, auto& low, auto& high,
                                              std::index_sequence<I...>) {
    constexpr size_t W = lanes<T>;
    low = __builtin_shufflevector(a, b, (I / 2 + I % 2 * W)...);
    high = __builtin_shufflevector(a, b, (I / 2 + I % 2 * W + W / 2)...);
}

// The upper half is added to the lower until one is left. (Every lane has the sum then; the first is as good as any.)
template <class T, size_t... I>
[[gnu::always_inline]] inline T sum_of_lanes(const auto& vector, std::index_sequence<I...>) {
    constexpr size_t W = lanes<T>;
    Vector<T> sums = vector;
    sums += __builtin_shufflevector(sums, sums, (I + W / 2) % W...);
    if constexpr (W > 2) sums += __builtin_shufflevector(sums, sums, (I + W / 4) % W...);
    if constexpr (W > 4) sums += __builtin_shufflevector(sums, sums, (I + W / 8) % W...);
    if constexpr (W > 8) sums += __builtin_shufflevector(sums, sums, (I + W / 16) % W...);
    return sums[0];
}
template <class T>
[[gnu::always_inline]] inline T sum_of_lanes(const auto& vector) {
    return sum_of_lanes<T>(vector, std::make_index_sequence<lanes<T>>{});
}

}  // namespace detail

// A row of `count` numbers, a vector at a time: calls body(numbers, c) with a vector of W for the numbers at c and on,
// and at the end, where they do not fill one, with a W for each. What `numbers` holds is for the body to say.
template <class W, class Body>
[[gnu::always_inline]] inline void along_row(int64_t count, const Body& body) {
    int64_t c = 0;
    for (; c + lanes<W> <= count; c += lanes<W>) {
        Vector<W> numbers;
        body(numbers, c);
    }
    for (; c < count; ++c) {
        W number;
        body(number, c);
    }
}

// N sums over such a row, of the terms that body(terms, c), with terms[0] to terms[N - 1], fills.
template <class W, int N, class Body>
[[gnu::always_inline]] inline std::array<W, N> sums_along_row(int64_t count, const Body& body) {
    Vector<W> sums[N] = {}, terms[N];
    int64_t c = 0;
    for (; c + lanes<W> <= count; c += lanes<W>) {
        body(terms, c);
        for (int n = 0; n < N; ++n) sums[n] += terms[n];
    }
    std::array<W, N> result;
    for (int n = 0; n < N; ++n) result[n] = detail::sum_of_lanes<W>(sums[n]);
    for (; c < count; ++c) {
        W rest[N];
        body(rest, c);
        for (int n = 0; n < N; ++n) result[n] += rest[n];
    }
    return result;
}

// `count` numbers, widened or rounded where T is bfloat16.
template <class T>
inline void widen_row(int64_t count, const T* from, acc_type<T>* to) {
    along_row<acc_type<T>>(count, [&](auto& numbers, int64_t c) {
        load_vector(numbers, from + c);
        store_vector(numbers, to + c);
    });
}
template <class T>
inline void narrow_row(int64_t count, const acc_type<T>* from, T* to) {
    along_row<acc_type<T>>(count, [&](auto& numbers, int64_t c) {
        load_vector(numbers, from + c);
        store_vector(numbers, to + c);
    });
}

// The transpose of a square, as many numbers a side as a vector holds: row j of `to` is column j of `from`.
// Interleaving rows i and i + W/2 for all i halves the distance, in the vectors' order, of numbers that belong
// together; done log2(W) times, what was a column is a row.
template <class T>
[[gnu::always_inline]] inline void transpose_square(const T* from, int64_t from_row, T* to, int64_t to_row) {
    constexpr int W = lanes<T>;
    Vector<T> rows[W], next[W];
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) load_vector(rows[i], from + i * from_row);
#pragma GCC unroll 4
    for (int distance = 1; distance < W; distance *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < W / 2; ++i)
            detail::interleave<T>(rows[i], rows[i + W / 2], next[2 * i], next[2 * i + 1],
                                  std::make_index_sequence<W>{});
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) rows[i] = next[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) store_vector(rows[i], to + i * to_row);
}

// The sum of each row of a matrix, or of its squares: a whole vector of rows, of a whole vector of columns. Sums over
// the lanes of one register are slow; those of as many registers as they have lanes are a transpose and sums of
// registers.
template <bool squares = false, class T>
[[gnu::always_inline]] inline void sum_rows(int64_t rows, int64_t columns, const T* from, int64_t from_row, T* sums) {
    constexpr int64_t W = lanes<T>;
    for (int64_t first = 0; first < rows; first += W) {
        T partial[W * W], turned[W * W];
        for (int64_t r = 0; r < W; ++r) {
            const T* row = from + (first + r) * from_row;
            Vector<T> sum = {}, numbers;
            for (int64_t c = 0; c < columns; c += W) {
                load_vector(numbers, row + c);
                sum += squares ? numbers * numbers : numbers;
            }
            store_vector(sum, partial + r * W);
        }
        transpose_square(partial, W, turned, W);
        Vector<T> total = {}, numbers;
        for (int64_t r = 0; r < W; ++r) {
            load_vector(numbers, turned + r * W);
            total += numbers;
        }
        store_vector(total, sums + first);
    }
}

}  // namespace swingrad
