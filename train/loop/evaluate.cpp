#include "train/loop/evaluate.h"

#include "ops/ops.h"
#include "train/data/loader.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swingrad {

Evaluation evaluate(const SwinV2& model, const Dataset& data, const Normalisation& normalisation, int64_t batch_size,
                    const std::function<void(int64_t done)>& after_batch) {
    check(data.size() > 0, "[evaluate] expects at least one image, got none");
    const NoGrad no_recording;
    std::vector<int64_t> order(static_cast<size_t>(data.size()));
    std::iota(order.begin(), order.end(), 0);
    Loader batches =
        batches_of(data, std::move(order), batch_size, false, normalisation, nullptr, Random{}, model.device());

    Evaluation result;
    double loss_sum = 0;
    int64_t correct = 0, done = 0;
    while (const auto batch = batches.next()) {
        const int64_t count = batch->labels.numel();
        const Tensor logits = model.forward(model.as_input(batch->images));
        loss_sum += cross_entropy(logits, batch->labels).item() * static_cast<double>(count);
        const Tensor labels = batch->labels.on_cpu();
        correct += count_correct(logits, labels);
        for (const Prediction& one : predictions_of(logits, labels)) result.predictions.push_back(one);
        done += count;
        if (after_batch) after_batch(done);
    }
    const auto images = static_cast<double>(data.size());
    result.loss = loss_sum / images;
    result.accuracy = 100.0 * static_cast<double>(correct) / images;
    return result;
}

std::vector<Prediction> predictions_of(const Tensor& logits, const Tensor& labels) {
    const int64_t K = logits.shape()[-1];
    const std::vector<double> values = logits.values();
    std::vector<Prediction> predictions;
    for (int64_t b = 0; b < labels.numel(); ++b) {
        const double* row = values.data() + b * K;
        const int64_t predicted = std::max_element(row, row + K) - row;
        const double largest = row[predicted];
        double sum = 0;  // of exp(logit - largest), which cannot overflow
        for (int64_t k = 0; k < K; ++k) sum += std::exp(row[k] - largest);
        const double of_label = row[labels.data<int64_t>()[b]];
        predictions.push_back({predicted, 1 / sum, std::log(sum) + largest - of_label});
    }
    return predictions;
}

int64_t count_correct(const Tensor& logits, const Tensor& labels) {
    const int64_t K = logits.shape()[-1];
    const std::vector<double> values = logits.values();
    int64_t correct = 0;
    for (int64_t b = 0; b < labels.numel(); ++b) {
        const double* row = values.data() + b * K;
        correct += std::max_element(row, row + K) - row == labels.data<int64_t>()[b];
    }
    return correct;
}

}  // namespace swingrad
