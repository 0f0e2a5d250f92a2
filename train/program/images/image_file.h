// Reading and writing pictures: libjpeg-turbo and libpng behind a few functions.
#pragma once

#include "core/error.h"
#include "core/tensor.h"
#include "train/data/dataset.h"

#include <filesystem>
#include <optional>
#include <string>

namespace swingrad {

struct ImageReading {
    bool ignore_exif = false;           // pixels as they lie in the file, whichever side it says is up
    std::optional<Extent> extent = {};  // what the picture must have; seen before a pixel is decoded
};

// A picture that can be read and has another size than the one asked for.
class WrongExtent : public Error {
  public:
    using Error::Error;
};

// A JPEG or PNG file, told apart by content, as uint8 [H, W, 3], turned upright as its EXIF orientation says. JPEG is
// decoded exactly (slow integer transform, smooth upsampling of colour), as Pillow does; CMYK and YCCK are taken for
// inverted, as Adobe writes them, and converted by Pillow's formula. Grey becomes red = green = blue, alpha is dropped,
// 16 bits are rounded to 8; colour profiles and gamma are ignored. What libjpeg warns of is refused where pixels were
// lost or made up, and passed over where it is about other bytes. Throws an Error with the file's name for anything
// else: other formats by their names, more than 2^28 pixels or a JPEG whose scans go over more than 2^32 (both seen
// before any is decoded), damage, a missing end.
Tensor read_image(const std::filesystem::path& path, const ImageReading& how = {});

// A PNG file of one number a pixel, grey or of a palette, with at most 8 bits, as uint8 [H, W]: these numbers, and no
// colours. Throws an Error with the file's name for anything else.
Tensor read_mask(const std::filesystem::path& path);

// What a file's first bytes say of a picture, without decoding it. A PNG file's orientation counts where it stands
// before the pixels. Throws what read_image does for what is wrong there.
struct ImageHeader {
    Extent extent;       // upright
    uint64_t bytes = 0;  // of the file
};
ImageHeader read_image_header(const std::filesystem::path& path, bool ignore_exif = false);

// uint8 [H, W, 3], or [H, W] as grey, as the bytes of a PNG file.
std::string png_of(const Tensor& image);
// The same into a file, replaced in one move.
void write_png(const std::filesystem::path& path, const Tensor& image);

}  // namespace swingrad
