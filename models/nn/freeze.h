// Freezing: parameters that training leaves as they are.
#pragma once

#include "models/nn/module.h"

#include <string>

namespace swingrad {

// Freezes the parameters of `model` that one of the patterns names, and no others; `patterns` has commas between them:
// "patch_embed,layers.0,*.norm?.bias". A pattern is Python's fnmatch: * stands for any text, dots too, ? for one
// letter, [a-c] for one of these, [!a-c] for any other. It names a parameter where it is the whole of its name or that
// of a module it belongs to: "layers.0" is all of the first stage. To be called before Parameters is made.
//
// A frozen parameter gets no gradient: it stays the same bits, weight decay included, and what is saved for gradients,
// and the backward pass, end where all that comes before is frozen. A batch norm all of whose parameters are frozen
// normalises by its running statistics and leaves them as they are. Dropout and drop path go on.
//
// Returns the number of parameters frozen. Throws an Error where a pattern is empty or names no parameter, and where
// none is left to train.
int64_t freeze(Module& model, const std::string& patterns);

}  // namespace swingrad
