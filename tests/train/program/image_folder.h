// Small folders of images, a folder a class.
#pragma once

#include "tests/support/temporary_directory.h"
#include "train/program/images/image_file.h"

#include <string>

namespace swingrad::test {

// n images of one colour each: value, value + 1, ...
inline void write_class(const std::filesystem::path& folder, int n, uint8_t value, const Shape& shape = {5, 4, 3}) {
    std::filesystem::create_directories(folder);
    Tensor image = Tensor::empty(shape, DType::uint8);
    for (int i = 0; i < n; ++i) {
        for (uint8_t& v : image.span<uint8_t>()) v = static_cast<uint8_t>(value + i);
        write_png(folder / fmt::format("{}.PNG", i), image);
    }
}

// A chunk of a PNG file: length, kind and data, checksum (CRC-32, bit by bit).
inline std::string png_chunk(const std::string& kind_and_data) {
    const auto number = [](uint32_t value) {
        std::string text;
        for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 255);
        return text;
    };
    uint32_t sum = ~0u;
    for (const char c : kind_and_data) {
        sum ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
    }
    return number(static_cast<uint32_t>(kind_and_data.size() - 4)) + kind_and_data + number(~sum);
}

}  // namespace swingrad::test
