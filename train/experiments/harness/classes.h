// Some classes of a data set, and few images of each: what there is to learn from where images are scarce.
#pragma once

#include "core/random.h"
#include "train/data/dataset.h"

namespace swingrad {

// The images of the classes [first, last), in the order they had; the class `first` becomes 0. Throws an Error where
// there are no such classes.
Dataset with_classes(const Dataset& data, int64_t first, int64_t last);

// Of each class so many images, chosen at random, or all where there are no more; in the order they had.
Dataset few_of_each(const Dataset& data, int64_t most, Random random);

}  // namespace swingrad
