// Pictures that a command is given, files and folders of them.
#pragma once

#include "train/program/images/picture_files.h"

#include <functional>
#include <string>
#include <vector>

namespace swingrad {

// The files that `names` name, in that order: a file itself, and of a folder all files at any depth by the order of
// their paths, less what operating systems leave behind. Headers are read. What is no picture is an Error that names
// it, or, where `left_out` is given, each problem goes there, once all pixels have been looked at too. Throws an Error
// where nothing is left.
std::vector<PictureFile> pictures_named(const std::vector<std::string>& names, bool ignore_exif,
                                        const std::function<void(const std::string& problem)>& left_out = {});

}  // namespace swingrad
