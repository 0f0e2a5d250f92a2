// What a --data argument names, and how it is read:
//
//   shapes        pictures drawn by the program, ten classes (train/data/shapes.h)
//   cifar10:DIR   the binary version: DIR, or DIR/cifar-10-batches-bin, holds data_batch_1.bin and so on
//   cifar100:DIR  the binary version: DIR, or DIR/cifar-100-binary, holds train.bin and test.bin; fine labels
//   folder:DIR    DIR/train/<class>/*.{jpg,jpeg,png}, and DIR/test or else DIR/val likewise
//
// To add one: a reader (train/data/sources.h, train/program/images/folder.h) and its line in data_source.cpp.
#pragma once

#include "train/data/batch.h"

#include <filesystem>
#include <string>
#include <vector>

namespace swingrad {

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

}  // namespace swingrad
