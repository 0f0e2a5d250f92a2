// How good a model is on a set of images.
#pragma once

#include "models/swin/swin_v2.h"
#include "train/data/batch.h"
#include "train/loop/prediction.h"

#include <functional>
#include <vector>

namespace swingrad {

struct Evaluation {
    double loss = 0;                      // cross entropy, mean over all images, without smoothing
    double accuracy = 0;                  // percent
    std::vector<Prediction> predictions;  // one an image, in the order of the dataset
};

// Over all of `data`, on the model's device, in batches of at most `batch_size`, images as they are, nothing random,
// nothing recorded.
// `after_batch`, where given, is called with the number of images done; what it throws ends the evaluation.
Evaluation evaluate(const SwinV2& model, const Dataset& data, const Normalisation& normalisation, int64_t batch_size,
                    const std::function<void(int64_t done)>& after_batch = {});

// Of each row of logits [B, K], with its label [B], on the CPU, as below.
std::vector<Prediction> predictions_of(const Tensor& logits, const Tensor& labels);

// How many rows of logits [B, K] are largest at their label [B].
int64_t count_correct(const Tensor& logits, const Tensor& labels);

}  // namespace swingrad
