// How good a model is on a set of samples.
#pragma once

#include "models/nn/parameters.h"
#include "train/data/samples.h"
#include "train/loop/loss.h"
#include "train/loop/prediction.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace swingrad {

// How often which class was taken for which, over pixels whose class is not to be ignored.
class PixelCounts {
  public:
    // Adds logits [B, H, W, K], which may be on a device, and classes int64 [B, H, W]. Throws an Error for a class that
    // is neither one of the K nor ignored_class.
    void add(const Tensor& logits, const Tensor& classes);

    int64_t classes() const { return classes_; }  // 0 before anything is added
    int64_t count(int64_t truth, int64_t predicted) const {
        return counts_.at(static_cast<size_t>(truth * classes_ + predicted));
    }
    // In percent. Of a class: pixels that are and are called so, over those that are or are called so; NaN where there
    // are none. The mean over the other classes, and the share of pixels that are called what they are.
    double iou(int64_t k) const;
    double mean_iou() const;
    double accuracy() const;

  private:
    int64_t classes_ = 0;
    std::vector<int64_t> counts_;  // [K, K]: truth, predicted
};

struct Evaluation {
    double loss = 0;  // mean over all samples; cross entropy is without smoothing
    // Percent of all targets; NaN where one is no class, and where an output is not finite.
    double accuracy = std::numeric_limits<double>::quiet_NaN();
    // One a sample, in their order; none where a sample has no one class, or an output is not finite.
    std::vector<Prediction> predictions;
    std::vector<int64_t> labels;  // the true class of each prediction
    int64_t classes = 0;          // that a prediction chooses from; 0 where there is none
    std::string not_finite;       // "sample 12 has nan as output 3", the first; then the loss is NaN too

    std::optional<PixelCounts> pixels = {};  // of samples that label pixels

    // What chooses a checkpoint, in percent, and its name in a log and in words. NaN where the loss does.
    double score() const { return pixels ? pixels->mean_iou() : accuracy; }
    const char* score_name() const { return pixels ? "mean_iou" : "accuracy"; }
    const char* score_text() const { return pixels ? "mean IoU" : "accuracy"; }

    void forget_predictions() { predictions.clear(), labels.clear(), classes = 0; }
};

// Over all of `samples`, on the model's device, in batches of at most `batch_size`, samples as they are, the model in
// evaluation, nothing recorded. `loss` may be empty: classification_loss().
// `after_batch`, where given, is called with the number of samples done; what it throws ends the evaluation.
Evaluation evaluate(Module& model, const Parameters& parameters, const Samples& samples, int64_t batch_size,
                    const std::function<void(int64_t done)>& after_batch = {}, const Loss& loss = {});

// Into a line of a log: "validation_accuracy" and what else there is, with the name of the set before it.
void add_scores(nlohmann::json& entry, const std::string& set, const Evaluation& evaluation);

// Predictions from logits [B, K], which may be on a device, and labels int64 [B] on the CPU.
std::vector<Prediction> predictions_of(const Tensor& logits, const Tensor& labels);

}  // namespace swingrad
