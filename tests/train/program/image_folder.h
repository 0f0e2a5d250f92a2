// Small folders of images, a folder a class.
#pragma once

#include "tests/support/temporary_directory.h"
#include "train/program/images/image_file.h"

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

}  // namespace swingrad::test
