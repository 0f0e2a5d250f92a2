// Random erasing: rectangles of a picture that a model does not get to see.
#pragma once

#include "core/shape.h"
#include "train/data/pixels/draws.h"

#include <string>

namespace swingrad {

struct Erasing {
    enum class Fill {
        constant,  // zero: the mean colour
        random,    // one colour a rectangle, normal
        pixel,     // a colour a pixel, normal
    };
    double probability = 0;  // of an image
    Fill fill = Fill::pixel;
    int64_t most = 1;  // rectangles, 1 to so many; together they cover 2 % to a third of the image
};

// "const", "rand", "pixel". Throws an Error that lists them.
Erasing::Fill erasing_fill_named(const std::string& name);

// Of a normalised image, float32 [rows, columns, 3], in place. As timm's RandomErasing.
void erase(float* image, Extent extent, const Erasing& erasing, Draws& draws);

}  // namespace swingrad
