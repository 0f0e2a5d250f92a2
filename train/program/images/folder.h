// Images in files, JPEG or PNG, a folder a class.
#pragma once

#include "train/data/dataset.h"

#include <filesystem>

namespace swingrad {

// directory/train/<class>/*.{jpg,jpeg,png}, and directory/test or else directory/val likewise; all of this extent.
// Throws an Error naming the file or folder that is missing, damaged or of another size.
Dataset load_folder(const std::filesystem::path& directory, Split split, Extent extent);
std::vector<std::string> folder_class_names(const std::filesystem::path& directory);

}  // namespace swingrad
