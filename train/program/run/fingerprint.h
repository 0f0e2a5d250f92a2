// Whether samples are those of before, wherever they lie now.
#pragma once

#include "train/data/samples.h"

#include <string>
#include <string_view>

namespace swingrad {

// Sixteen hexadecimal digits. Of images: of every pixel and label. Of anything else: of at most 256 samples spread over
// all, as they are without augmentation. `validation` may be null. Not made to withstand someone who wants two sets to
// have the same one.
std::string fingerprint_of(const Samples& training, const Samples* validation);
// Of any bytes.
std::string fingerprint_of(std::string_view bytes);

}  // namespace swingrad
