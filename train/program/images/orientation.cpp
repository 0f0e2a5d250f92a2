// TIFF: "II" (low byte first) or "MM", the number 42, and where the directory begins: a count, and so many entries of
// [tag: 2 bytes][type: 2][count: 4][value: 4]. The orientation is tag 274, of type 3 (two bytes).
//
// The orientation says what the first row and the first column in the file are:
//   1 top, left     2 top, right    3 bottom, right    4 bottom, left
//   5 left, top     6 right, top    7 right, bottom    8 left, bottom
// Source: TIFF 6.0, "Orientation"; EXIF 2.3, 4.6.4.

#include "train/program/images/orientation.h"

#include <cstdint>
#include <cstring>

namespace swingrad {

int exif_orientation(std::string_view tiff) {
    const bool low_first = tiff.starts_with("II");
    if (!low_first && !tiff.starts_with("MM")) return 1;
    const auto number = [&](size_t at, size_t bytes) {
        size_t value = 0;
        if (at > tiff.size() || tiff.size() - at < bytes) return value;
        for (size_t i = 0; i < bytes; ++i)
            value = value << 8 | static_cast<unsigned char>(tiff[at + (low_first ? bytes - 1 - i : i)]);
        return value;
    };
    const size_t directory = number(4, 4), entries = number(directory, 2);
    for (size_t i = 0; i < entries; ++i) {
        const size_t entry = directory + 2 + 12 * i;
        if (number(entry, 2) != 274) continue;
        const size_t value = number(entry + 8, number(entry + 2, 2) == 4 ? 4 : 2);
        return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

Tensor upright(const Tensor& image, int orientation) {
    if (orientation <= 1 || orientation > 8) return image;
    const int64_t rows = image.shape()[0], columns = image.shape()[1];
    const bool on_side = orientation >= 5;
    // Where the file's first row lies at the bottom or on the right, and its first column.
    const bool rows_turned = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool columns_turned = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const Tensor turned = Tensor::empty({on_side ? columns : rows, on_side ? rows : columns, 3}, DType::uint8);
    const uint8_t* from = image.data<uint8_t>();
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c, from += 3) {
            const int64_t along_rows = rows_turned ? rows - 1 - r : r;
            const int64_t along_columns = columns_turned ? columns - 1 - c : c;
            const int64_t to = on_side ? along_columns * rows + along_rows : along_rows * columns + along_columns;
            std::memcpy(turned.data<uint8_t>() + 3 * to, from, 3);
        }
    return turned;
}

}  // namespace swingrad
