// Rows and columns: of an image, of a map of tokens, of a window.
#pragma once

#include <cstdint>

namespace swingrad {

struct Extent {
    int64_t rows = 0, columns = 0;
    bool operator==(const Extent&) const = default;
};

}  // namespace swingrad
