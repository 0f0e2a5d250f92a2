// Whether samples are those of before, wherever they lie now.
#pragma once

#include "train/data/samples.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace swingrad {

// Sixteen hexadecimal digits. Of images in memory: of every pixel and label. Of pictures with sizes of their own,
// whether they are kept in memory or not, with "files:" before: of names, sizes in bytes, labels, and the pixels of at
// most 256 pictures spread over all. Of masks likewise. Of anything else: of at most 256 samples spread over all, as
// they are without augmentation. `validation` may be null. Not made to withstand someone who wants two sets to have the
// same one.
std::string fingerprint_of(const Samples& training, const Samples* validation);
// Whether two of these, or none, say that samples are not the same: of two kinds they say nothing.
bool fingerprints_differ(const std::string& before, const std::string& now);
// Of any bytes.
std::string fingerprint_of(std::string_view bytes);
// Of all bytes of these files, one after the other.
std::string fingerprint_of_files(const std::vector<std::filesystem::path>& files);

}  // namespace swingrad
