// How good predictions are: all together, class by class, and whether a model is as often right as it says.
//
// Of class k, n_k samples are of it, m_k were taken for it, c_k of them rightly:
//
//   precision = c / m      recall = c / n      F1 = 2 c / (n + m)
//
// each 0 where it would be 0 / 0. The macro means are over the classes that have a sample or were predicted, as
// scikit-learn takes them.
//
// The expected calibration error compares how sure a model is with how often it is right. Samples fall into B = 15 bins
// by the probability p of the predicted class, bin b (from 0) has b / B < p <= (b + 1) / B. Over the n_b samples of a
// bin, confidence_b is the mean of p, and accuracy_b the share that is right:
//
//   ECE = sum over b of  n_b / n  |accuracy_b - confidence_b|
//
// Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", arXiv 1706.04599, equation 3.
#pragma once

#include "train/loop/prediction.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace swingrad {

struct ClassScores {
    int64_t support = 0, predicted = 0, right = 0;  // samples: of the class, taken for it, rightly so
    double precision = 0, recall = 0, f1 = 0;       // shares of 1
};

struct CalibrationBin {
    int64_t samples = 0;
    double confidence = 0, accuracy = 0;  // shares of 1; 0 where there is no sample
};

inline constexpr int64_t calibration_bins = 15, most_in_matrix = 2048;

struct Scores {
    int64_t samples = 0;
    double accuracy = 0;         // percent, as in the log
    std::optional<double> top5;  // percent of samples whose class is among the five likeliest; of more than 5 classes
    double macro_precision = 0, macro_recall = 0, macro_f1 = 0;  // shares of 1
    double calibration_error = 0;                                // a share of 1
    std::vector<CalibrationBin> bins;                            // calibration_bins
    std::vector<ClassScores> classes;
    std::vector<int64_t> confusion;  // [true][predicted]; none of more than most_in_matrix classes
};

// `labels` and `predictions` one a sample, classes in 0 .. classes - 1. Throws an Error where the numbers differ, there
// is no sample, or a class is none of these.
Scores scores_of(const std::vector<int64_t>& labels, const std::vector<Prediction>& predictions, int64_t classes);

// The classes that have samples, those with the lowest recall first, of equal ones the lower class; at most `most`.
std::vector<int64_t> hardest_classes(const Scores& scores, size_t most);

// Accuracies in percent as "accuracy" and "top5_accuracy", all else in shares of 1. `names` of the classes, or none.
nlohmann::json to_json(const Scores& scores, const std::vector<std::string>& names);

}  // namespace swingrad
