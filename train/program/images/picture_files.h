// Pictures in files, JPEG or PNG, for train/data/pictures.h.
#pragma once

#include "train/data/pictures.h"
#include "train/program/images/data_source.h"
#include "train/program/images/image_file.h"

#include <filesystem>
#include <string>
#include <vector>

namespace swingrad {

struct PictureFile {
    std::filesystem::path path;
    std::string name;  // by which it is known again: the class and the file
    ImageHeader header = {};
};

// Reads each when it is asked for. Throws an Error that names the file where it cannot be read, or has not the bytes it
// had when its header was read.
SharedPictures pictures_in(std::vector<PictureFile> files, bool ignore_exif);

// Whether so many bytes of decoded pictures are to be kept in memory.
bool keeps(Cache cache, int64_t bytes);
// Bytes that may still be taken without paging: what the system has, or less where the process's group is limited.
int64_t free_memory();

// What a data set of pictures is, in words: ", 24 x 30 to 500 x 375 pixels, 1.2 GB decoded once and kept (cache: ram)".
// Empty where it is none.
std::string text_of_pictures(const Dataset& data);

}  // namespace swingrad
