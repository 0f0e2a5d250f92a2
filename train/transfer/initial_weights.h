// Beginning from weights that another training has made: what fits the model is taken, what does not is named.
#pragma once

#include "models/nn/parameters.h"

#include <filesystem>
#include <string>
#include <vector>

namespace swingrad {

struct InitialWeights {
    int64_t taken = 0;               // tensors
    std::vector<std::string> notes;  // for people: what was taken, and a line for each kind of what was not
};

// Of `path` (a safetensors file, a model in several, or a folder with one of these; core/io/stored_tensors.h) takes
// each tensor that has the name and the shape of a parameter or a buffer, in the type of that one. A Swin's may have
// any names that models/swin/checkpoint_names.h knows. Of another window or patch size, its bias tables and its patch
// embedding are resampled (models/swin/resample_weights.h). All else stays as it was drawn: a head for other classes,
// a stage that was not there. Throws an Error where nothing fits, where a file is damaged, and where a value that would
// be taken is not finite; then nothing has been changed.
InitialWeights take_initial_weights(const std::filesystem::path& path, const Parameters& parameters);

}  // namespace swingrad
