// Pictures of any size, decoded when they are asked for.
//
// Whoever knows how they lie in files implements this (the program's: train/program/images/picture_files.h); nothing
// here knows JPEG or PNG.
#pragma once

#include "core/shape.h"
#include "core/tensor.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace swingrad {

class Pictures {
  public:
    virtual ~Pictures() = default;

    virtual int64_t size() const = 0;
    virtual Extent extent(int64_t index) const = 0;  // without decoding
    // uint8 [H, W, 3], or [H, W] of masks (train/data/dataset.h). Called on several threads at once. Throws an Error
    // that names the picture where it cannot be read, or is no longer the one there was.
    virtual Tensor read(int64_t index) const = 0;
    // By what a picture is known again that has moved: a name and its size in bytes, say.
    virtual std::string identity(int64_t index) const = 0;
    virtual bool in_memory() const { return false; }  // reading decodes nothing
};

using SharedPictures = std::shared_ptr<const Pictures>;

// The pictures `indices`, in that order.
SharedPictures subset(const SharedPictures& pictures, std::vector<int64_t> indices);
// The same pictures, with what read(i) gives in `decoded`.
SharedPictures kept_in_memory(const SharedPictures& pictures, std::vector<Tensor> decoded);

// These, known by their places alone.
SharedPictures pictures_in_memory(std::vector<Tensor> decoded);

int64_t bytes_decoded(const Pictures& pictures);
// The smallest and the largest, by pixels.
std::pair<Extent, Extent> extents_of(const Pictures& pictures);

}  // namespace swingrad
