#include "train/data/resized_dataset.h"

#include "core/threads.h"

#include <cstring>

namespace swingrad {

Dataset resized_to(const Dataset& data, Extent extent, Interpolation interpolation) {
    check(!data.masks, "[dataset] images with masks cannot be resized");
    Dataset result = data;
    if (data.pictures) {
        result.fitted_to = extent;
        return result;
    }
    if (data.extent() == extent) return result;
    const int64_t bytes = extent.rows * extent.columns * 3;
    result.images = Tensor::empty({data.size(), extent.rows, extent.columns, 3}, DType::uint8);
    uint8_t* const to = result.images.data<uint8_t>();
    parallel_rows(data.size(), bytes * 16, [&](int64_t i) {
        const Tensor image = resized(data.image(i), extent, interpolation);
        std::memcpy(to + i * bytes, image.data<uint8_t>(), static_cast<size_t>(bytes));
    });
    return result;
}

}  // namespace swingrad
