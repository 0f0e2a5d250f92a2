// Datasets: where pictures to learn from come from, and how they lie in memory.
#pragma once

#include "core/random.h"
#include "core/tensor.h"
#include "ops/window.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace swingrad {

// All images decoded, in memory.
struct Dataset {
    std::vector<std::string> classes;  // names, in label order
    Tensor images;                     // uint8 [n, H, W, 3]
    std::vector<int64_t> labels;       // [n], in 0 .. classes.size() - 1

    int64_t size() const { return static_cast<int64_t>(labels.size()); }
    Extent extent() const { return {images.shape()[1], images.shape()[2]}; }
};

enum class Split { train, test };

// What a --data argument names:
//   shapes        pictures drawn by the program, ten classes (train/data/shapes.h)
//   cifar10:DIR   the binary version: DIR, or DIR/cifar-10-batches-bin, holds data_batch_1.bin and so on
//   cifar100:DIR  the binary version: DIR, or DIR/cifar-100-binary, holds train.bin and test.bin; fine labels
//   folder:DIR    DIR/train/<class>/*.{jpg,jpeg,png}, and DIR/test or else DIR/val likewise
struct DataSource {
    std::string kind;                 // what stands before the colon
    std::filesystem::path directory;  // empty for shapes
};

// Throws an Error with the text and what is possible. Looks at no file.
DataSource parse_data_source(const std::string& text);

struct LoadOptions {
    Extent extent{32, 32};  // shapes are drawn at it; files must have it
};

// One split, so that training need not read the test set before its end. Throws an Error that names the file, and
// where in it, for anything that is missing, damaged or of another size.
Dataset load_dataset(const DataSource& source, Split split, const LoadOptions& options = {});

// The classes of a source in label order, without reading any image.
std::vector<std::string> class_names(const DataSource& source);

// Keeps a random `fraction` in [0, 1) of the samples back, of each class the same (rounded to nearest):
// {rest, held_out}, both in the order they had. 0 holds nothing back, and copies nothing.
std::pair<Dataset, Dataset> hold_out(const Dataset& data, double fraction, Random random);

}  // namespace swingrad
