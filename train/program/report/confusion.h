// Which classes a model takes for which.
#pragma once

#include "train/loop/prediction.h"

#include <string>
#include <vector>

namespace swingrad {

// Images of class `truth` that the model took for class `predicted`.
struct Confused {
    int64_t truth = 0, predicted = 0, count = 0;
};

class Confusion {
  public:
    // `labels` and `predictions` one an image, classes in 0 .. classes - 1. Throws an Error where the numbers differ.
    Confusion(const std::vector<int64_t>& labels, const std::vector<Prediction>& predictions, int64_t classes);

    int64_t classes() const { return classes_; }
    int64_t count(int64_t truth, int64_t predicted) const {
        return counts_[static_cast<size_t>(truth * classes_ + predicted)];
    }
    int64_t images(int64_t truth) const;                   // of a class
    double share(int64_t truth, int64_t predicted) const;  // of the images of class `truth`, in 0 .. 1; 0 of none

    // The most frequent mistakes, at most `most`; of equal ones the lower classes first.
    std::vector<Confused> mistakes(size_t most) const;
    // Classes that have images, those with the smallest share of right answers first, at most `most`.
    std::vector<int64_t> hardest(size_t most) const;

  private:
    int64_t classes_;
    std::vector<int64_t> counts_;  // [truth][predicted]
};

// As HTML: a table with shaded cells; of more than 20 classes a picture instead, and in either case the most frequent
// mistakes as a list.
std::string html_of(const Confusion& confusion, const std::vector<std::string>& names);

}  // namespace swingrad
