#include "train/program/report/scores/scores.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

double share(int64_t part, int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

size_t bin_of(double probability) {
    const auto bin = static_cast<int64_t>(std::ceil(probability * calibration_bins)) - 1;
    return static_cast<size_t>(std::clamp<int64_t>(bin, 0, calibration_bins - 1));
}

void score_classes(Scores& scores) {
    double classes = 0;
    for (ClassScores& one : scores.classes) {
        one.precision = share(one.right, one.predicted);
        one.recall = share(one.right, one.support);
        one.f1 = share(2 * one.right, one.support + one.predicted);
        if (one.support + one.predicted == 0) continue;
        classes += 1;
        scores.macro_precision += one.precision;
        scores.macro_recall += one.recall;
        scores.macro_f1 += one.f1;
    }
    for (double* mean : {&scores.macro_precision, &scores.macro_recall, &scores.macro_f1}) *mean /= classes;
}

// Sums become means.
void finish_bins(Scores& scores) {
    for (CalibrationBin& bin : scores.bins) {
        if (bin.samples == 0) continue;
        const auto samples = static_cast<double>(bin.samples);
        bin.confidence /= samples;
        bin.accuracy /= samples;
        scores.calibration_error += share(bin.samples, scores.samples) * std::abs(bin.accuracy - bin.confidence);
    }
}

}  // namespace

Scores scores_of(const std::vector<int64_t>& labels, const std::vector<Prediction>& predictions, int64_t classes) {
    check(labels.size() == predictions.size() && !labels.empty(),
          "[scores] expected a label for each prediction, and one at least, got {} labels and {} predictions",
          labels.size(), predictions.size());
    const auto is_class = [classes](int64_t k) { return k >= 0 && k < classes; };
    Scores scores;
    scores.samples = static_cast<int64_t>(labels.size());
    scores.bins.resize(calibration_bins);
    scores.classes.resize(static_cast<size_t>(classes));
    if (classes <= most_in_matrix) scores.confusion.resize(static_cast<size_t>(classes * classes), 0);
    int64_t right = 0, among_five = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
        const Prediction& said = predictions[i];
        check(is_class(labels[i]) && is_class(said.predicted), "[scores] sample {} of class {} was taken for {}, of {}",
              i, labels[i], said.predicted, classes);
        if (!scores.confusion.empty()) scores.confusion[static_cast<size_t>(labels[i] * classes + said.predicted)] += 1;
        const bool is_right = labels[i] == said.predicted;
        scores.classes[static_cast<size_t>(labels[i])].support += 1;
        scores.classes[static_cast<size_t>(said.predicted)].predicted += 1;
        scores.classes[static_cast<size_t>(labels[i])].right += is_right ? 1 : 0;
        right += is_right ? 1 : 0;
        among_five += said.rank < 5 ? 1 : 0;
        CalibrationBin& bin = scores.bins[bin_of(said.probability)];
        bin.samples += 1;
        bin.confidence += said.probability;
        bin.accuracy += is_right ? 1 : 0;
    }
    scores.accuracy = 100 * share(right, scores.samples);
    if (classes > 5) scores.top5 = 100 * share(among_five, scores.samples);
    score_classes(scores);
    finish_bins(scores);
    return scores;
}

std::vector<int64_t> hardest_classes(const Scores& scores, size_t most) {
    std::vector<int64_t> hardest;
    for (size_t k = 0; k < scores.classes.size(); ++k)
        if (scores.classes[k].support > 0) hardest.push_back(static_cast<int64_t>(k));
    std::stable_sort(hardest.begin(), hardest.end(), [&](int64_t a, int64_t b) {
        return scores.classes[static_cast<size_t>(a)].recall < scores.classes[static_cast<size_t>(b)].recall;
    });
    hardest.resize(std::min(hardest.size(), most));
    return hardest;
}

nlohmann::json to_json(const Scores& scores, const std::vector<std::string>& names) {
    nlohmann::json classes = nlohmann::json::array(), bins = nlohmann::json::array(),
                   confusion = nlohmann::json::array();
    for (size_t k = 0; k < scores.classes.size(); ++k) {
        const ClassScores& one = scores.classes[k];
        classes.push_back({{"label", k},
                           {"support", one.support},
                           {"predicted", one.predicted},
                           {"precision", one.precision},
                           {"recall", one.recall},
                           {"f1", one.f1}});
        if (k < names.size()) classes.back()["class"] = names[k];
        if (scores.confusion.empty()) continue;
        const auto row = scores.confusion.begin() + static_cast<std::ptrdiff_t>(k * scores.classes.size());
        confusion.push_back(std::vector<int64_t>(row, row + static_cast<std::ptrdiff_t>(scores.classes.size())));
    }
    for (size_t b = 0; b < scores.bins.size(); ++b) {
        const CalibrationBin& bin = scores.bins[b];
        bins.push_back({{"above", static_cast<double>(b) / calibration_bins},
                        {"up_to", static_cast<double>(b + 1) / calibration_bins},
                        {"samples", bin.samples},
                        {"confidence", bin.confidence},
                        {"accuracy", bin.accuracy}});
    }
    nlohmann::json json{
        {"samples", scores.samples},
        {"accuracy", scores.accuracy},
        {"macro", {{"precision", scores.macro_precision}, {"recall", scores.macro_recall}, {"f1", scores.macro_f1}}},
        {"expected_calibration_error", scores.calibration_error},
        {"calibration", bins},
        {"classes", classes}};
    if (!scores.confusion.empty()) json["confusion"] = confusion;
    if (scores.top5) json["top5_accuracy"] = *scores.top5;
    return json;
}

}  // namespace swingrad
