// A JPEG or PNG file: what comes out is [H, W, 3] bytes, none of them left undecided.
#include "tests/fuzz/targets.h"
#include "train/program/images/image_file.h"

namespace swingrad::fuzz {

void image(Bytes bytes) {
    static const MemoryFile file;
    file.write(bytes);
    Tensor picture;
    if (!reads([&] { picture = read_image(file.path()); })) return;
    const Shape& shape = picture.shape();
    promise(picture.dtype() == DType::uint8 && shape.rank() == 3 && shape[-1] == 3, "not [H, W, 3] bytes");
    promise(shape[0] > 0 && shape[1] > 0, "an image of no pixels");
    const auto [rows, columns] = read_image_header(file.path()).extent;
    promise(rows * columns == shape[0] * shape[1], "a header of another size");  // a PNG file may be turned at its end
}

}  // namespace swingrad::fuzz
