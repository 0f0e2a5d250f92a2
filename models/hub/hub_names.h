// Weights under the names of transformers, as its save_pretrained writes them: the way back from
// models/swin/checkpoint_names.h, which has the table.
#pragma once

#include "core/io/safetensors.h"

#include <string>

namespace swingrad {

// A Swin's weights with timm's names, which are this library's. `body` is what transformers calls the network within a
// classifier: "swinv2", or for V1 "swin". qkv becomes query, key and value; nothing is copied.
NamedTensors to_transformers_names(const NamedTensors& tensors, const std::string& body);

}  // namespace swingrad
