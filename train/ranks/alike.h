// Whether ranks are about to train the same.
#pragma once

#include "train/ranks/ranks.h"

#include <string>
#include <vector>

namespace swingrad {

struct Fact {
    std::string name;  // "images"
    std::string value;
};

// Every rank calls this with facts of the same names. Throws the same Error on all that names the first that differs,
// with its values: "[ranks] rank 1 has another version than rank 0: 0.2.1, not 0.2.0".
void require_alike(Ranks& ranks, const std::vector<Fact>& facts);

}  // namespace swingrad
