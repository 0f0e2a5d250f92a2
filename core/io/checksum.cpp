// Eight bytes at a time, by eight tables: a byte's share of the remainder depends on the byte and on how many follow it
// in its eight, and shares add up (exclusive or). Source: Kounavis and Berry, "A Systematic Approach to Building High
// Performance, Software-based, CRC Generators", 2005.

#include "core/io/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace swingrad {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables make_tables() {
    Tables tables{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ (remainder & 1 ? 0x82f63b78u : 0u);
        tables[0][byte] = remainder;
    }
    for (size_t following = 1; following < 8; ++following)
        for (size_t byte = 0; byte < 256; ++byte) {
            const uint32_t before = tables[following - 1][byte];
            tables[following][byte] = before >> 8 ^ tables[0][before & 0xff];
        }
    return tables;
}

constexpr Tables tables = make_tables();

uint64_t take_eight(std::string_view& bytes) {
    uint64_t eight;
    std::memcpy(&eight, bytes.data(), 8);
    bytes.remove_prefix(8);
    return eight;
}

// The remainder of whole eights, which are taken off `bytes`.
uint32_t eights_by_tables(std::string_view& bytes, uint32_t remainder) {
    while (bytes.size() >= 8) {
        const uint64_t eight = take_eight(bytes) ^ remainder;
        remainder = 0;
        for (size_t i = 0; i < 8; ++i) remainder ^= tables[7 - i][eight >> 8 * i & 0xff];
    }
    return remainder;
}

#if defined(__x86_64__)
// x86-64 has had an instruction for this very polynomial since 2008, several times as fast as the tables.
__attribute__((target("sse4.2"))) uint32_t eights_by_instruction(std::string_view& bytes, uint32_t remainder) {
    uint64_t wide = remainder;
    while (bytes.size() >= 8) wide = __builtin_ia32_crc32di(wide, take_eight(bytes));
    return static_cast<uint32_t>(wide);
}
bool has_instruction() { return __builtin_cpu_supports("sse4.2"); }
#else
uint32_t eights_by_instruction(std::string_view& bytes, uint32_t remainder) {
    return eights_by_tables(bytes, remainder);
}
bool has_instruction() { return false; }
#endif

uint32_t with_rest(std::string_view rest, uint32_t remainder) {
    for (const char byte : rest)
        remainder = remainder >> 8 ^ tables[0][(remainder ^ static_cast<unsigned char>(byte)) & 0xff];
    return ~remainder;
}

}  // namespace

uint32_t crc32c_by_tables(std::string_view bytes, uint32_t before) {
    const uint32_t remainder = eights_by_tables(bytes, ~before);
    return with_rest(bytes, remainder);
}

uint32_t crc32c(std::string_view bytes, uint32_t before) {
    if (!has_instruction()) return crc32c_by_tables(bytes, before);
    const uint32_t remainder = eights_by_instruction(bytes, ~before);
    return with_rest(bytes, remainder);
}

}  // namespace swingrad
