// What each layer of a Swin computes, in a formula, and which files compute it.
#pragma once

#include "models/swin/costs.h"

#include <string>
#include <vector>

namespace swingrad {

struct LayerText {
    std::string title;                 // "Attention within windows"
    std::vector<std::string> formula;  // a line each
    std::vector<std::string> code;     // paths from the top of the repository
    bool operator==(const LayerText&) const = default;
};

// By the layer's name, as layer_costs gives it, and the model's switches. Throws an Error for a name of no layer.
LayerText text_of_layer(const SwinConfig& config, const std::string& name);

}  // namespace swingrad
