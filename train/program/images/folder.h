// Images in files, JPEG or PNG, a folder a class.
#pragma once

#include "train/program/images/data_source.h"

#include <filesystem>

namespace swingrad {

// Whether a file or a folder of this name is what operating systems and their tools leave behind. Names with a dot in
// front are hidden, and passed over too.
bool is_litter(std::string name);

// directory/train/<class>/*, directory/val and directory/test likewise; splits that are there have the same classes.
// What an operating system leaves in folders (.DS_Store, Thumbs.db, __MACOSX) is passed over. Throws an Error naming
// the file or folder that is missing, damaged or, unless any size will do, of another one.
Dataset load_folder(const std::filesystem::path& directory, Split split, const LoadOptions& options);
bool folder_has_split(const std::filesystem::path& directory, Split split);
// Of train, or where there is none, of test or else of val.
std::vector<std::string> folder_class_names(const std::filesystem::path& directory);

}  // namespace swingrad
