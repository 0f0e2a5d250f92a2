// How good a model is on a set of images.
#pragma once

#include "models/swin_v2.h"
#include "train/data/batch.h"

#include <functional>

namespace swingrad {

struct Evaluation {
    double loss = 0;      // cross entropy, mean over all images, without smoothing
    double accuracy = 0;  // percent
};

// Over all of `data`, in batches of at most `batch_size`, images as they are, nothing random, nothing recorded.
// `after_batch`, where given, is called with the number of images done; what it throws ends the evaluation.
Evaluation evaluate(const SwinV2& model, const Dataset& data, const Normalisation& normalisation, int64_t batch_size,
                    const std::function<void(int64_t done)>& after_batch = {});

// How many rows of logits [B, K] are largest at their label [B].
int64_t count_correct(const Tensor& logits, const Tensor& labels);

}  // namespace swingrad
