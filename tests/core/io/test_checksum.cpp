#include "core/io/checksum.h"
#include "core/random.h"
#include "tests/support/catch.h"

#include <string>

using namespace swingrad;

namespace {

// The definition: a bit at a time.
uint32_t by_bits(const std::string& bytes) {
    uint32_t remainder = ~0u;
    for (const char byte : bytes) {
        remainder ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) remainder = remainder & 1 ? remainder >> 1 ^ 0x82f63b78u : remainder >> 1;
    }
    return ~remainder;
}

std::string noise(size_t bytes) {
    std::string text;
    for (size_t i = 0; i < bytes; ++i) text += static_cast<char>(Random{7, 0}.below(i, 256));
    return text;
}

}  // namespace

TEST_CASE("the checksum is that of RFC 3720, by instruction and by tables") {
    REQUIRE(crc32c("123456789") == 0xe3069283u);
    REQUIRE(crc32c(std::string(32, '\0')) == 0x8a9136aau);
    REQUIRE(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
    for (const size_t bytes : {0, 1, 7, 8, 9, 63, 64, 65, 1001}) {
        INFO(bytes << " bytes");
        REQUIRE(crc32c(noise(bytes)) == by_bits(noise(bytes)));
        REQUIRE(crc32c_by_tables(noise(bytes)) == by_bits(noise(bytes)));
    }
}

TEST_CASE("a checksum goes on where another ended, and every changed bit shows in it") {
    const std::string text = noise(100);
    for (size_t cut = 0; cut <= text.size(); cut += 9) {
        REQUIRE(crc32c(text.substr(cut), crc32c(text.substr(0, cut))) == crc32c(text));
        REQUIRE(crc32c_by_tables(text.substr(cut), crc32c(text.substr(0, cut))) == crc32c(text));
    }
    for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
        std::string changed = text;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
        REQUIRE(crc32c(changed) != crc32c(text));
    }
}
