// The readers of data sets, one a file. Each reads one split, so that training need not read the test set before its
// end, and throws an Error that names the file, and where in it, for anything that is missing, damaged or of another
// size.
//
// A reader of your own returns a Dataset like these. The program's, which reads JPEG and PNG and knows what --data
// names, are in train/program/images.
#pragma once

#include "train/data/dataset.h"

#include <filesystem>

namespace swingrad {

// Ten kinds of shapes, or five further ones (train/data/shapes/kinds.h).
enum class ShapeKinds : uint8_t { ten, further };
constexpr int64_t shapes_train_size = 8000, shapes_test_size = 1000;

// Drawn at this extent (train/data/shapes/shapes.h). Throws an Error where there is no such version, or not of these
// kinds, of which the first version has ten alone.
constexpr int64_t newest_shapes = 2;  // the first is 1
Dataset load_shapes(Split split, Extent extent, int64_t version = newest_shapes, ShapeKinds kinds = ShapeKinds::ten);
// The same pictures with masks: classes "background" and the shapes'. A pixel is of the shape that covers its middle.
Dataset load_shapes_with_masks(Split split, Extent extent, int64_t version = newest_shapes,
                               ShapeKinds kinds = ShapeKinds::ten);

// CIFAR-10 and CIFAR-100 in their binary versions, with fine labels. `name` is "cifar10" or "cifar100"; the extent must
// be 32 x 32. The directory holds the files (data_batch_1.bin and so on, or train.bin and test.bin), or else the
// archive's folder with them.
Dataset load_cifar(const std::string& name, const std::filesystem::path& directory, Split split, Extent extent);
// Throws an Error that names the first file of the split that is not there. Reads none.
void require_cifar(const std::string& name, const std::filesystem::path& directory, Split split);
std::vector<std::string> cifar_class_names(const std::string& name, const std::filesystem::path& directory);

std::string text_of(Extent extent);  // "32 x 32"

}  // namespace swingrad
