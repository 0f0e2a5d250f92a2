// Images and their masks in files:
//
//   DIR/train/images/<name>.jpg or .png      any size
//   DIR/train/masks/<name>.png               of the same size: 8-bit grey or palette, numbers of classes, 255: unknown
//   DIR/val, DIR/test                        likewise
//   DIR/classes.txt                          names of the classes, one a line; where it is missing, they are numbered
//   up
//                                            to the largest in the training masks
#pragma once

#include "train/program/images/data_source.h"

#include <filesystem>

namespace swingrad {

// Every mask is read once, so that what is wrong with one is said before anything is trained: an Error that names it
// where it has another size than its picture, a class that is none, or no picture. `options.classes` are those of the
// model, where there is one.
Dataset load_mask_folder(const std::filesystem::path& directory, Split split, const LoadOptions& options);

}  // namespace swingrad
