// The readers behind load_dataset, one a file, and what they share. Nothing outside this folder needs them.
#pragma once

#include "train/data/dataset.h"

namespace swingrad {

constexpr int64_t shapes_train_size = 8000, shapes_test_size = 1000;

Dataset load_shapes(Split split, Extent extent);

// CIFAR-10 and CIFAR-100 in their binary versions. `kind` is "cifar10" or "cifar100".
Dataset load_cifar(const DataSource& source, Split split, Extent extent);
std::vector<std::string> cifar_class_names(const DataSource& source);

Dataset load_folder(const std::filesystem::path& directory, Split split, Extent extent);
std::vector<std::string> folder_class_names(const std::filesystem::path& directory);

std::string text_of(Extent extent);  // "32 x 32"

}  // namespace swingrad
