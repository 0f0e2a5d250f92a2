#include "train/loop/evaluate.h"

#include "ops/ops.h"
#include "train/data/loader.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swingrad {
namespace {

// The first number of a batch's output that is none; empty where all are. `done`: samples before the batch.
std::string not_finite_in(const Tensor& output, int64_t count, int64_t done) {
    const Tensor values = output.on_cpu();
    const int64_t at = first_not_finite(values), each = std::max<int64_t>(1, values.numel() / count);
    if (at == values.numel()) return "";
    return fmt::format("sample {} has {} as output {}", done + at / each, values.subrange(at, {}).item(), at % each);
}

}  // namespace

Evaluation evaluate(Module& model, const Parameters& parameters, const Samples& samples, int64_t batch_size,
                    const std::function<void(int64_t done)>& after_batch, const Loss& loss) {
    check(samples.size() > 0, "[evaluate] expects at least one sample, got none");
    const NoGrad no_recording;
    const KeptWeights kept = parameters.keep();
    model.eval();
    const Loss loss_of = loss ? loss : classification_loss();
    std::vector<int64_t> order(static_cast<size_t>(samples.size()));
    std::iota(order.begin(), order.end(), 0);
    Loader batches = batches_of(samples, std::move(order), batch_size, false, std::nullopt, parameters.device());

    Evaluation result;
    double loss_sum = 0;
    int64_t correct = 0, classified = 0, done = 0;
    bool all_are_classes = true;
    while (const auto batch = batches.next()) {
        const int64_t count = batch->inputs.shape()[0];
        const Tensor output = model.forward(parameters.as_input(batch->inputs));
        const Tensor targets = parameters.as_input(batch->targets);
        if (result.not_finite.empty()) result.not_finite = not_finite_in(output, count, done);
        loss_sum += loss_of(output, targets).item() * static_cast<double>(count);
        if (samples.labels_pixels()) {
            if (!result.pixels) result.pixels.emplace();
            result.pixels->add(output, batch->targets.on_cpu());
        } else if (is_classification(output, targets)) {
            const Tensor classes = targets.on_cpu();
            const auto labels = classes.span<int64_t>();
            const int64_t K = output.shape()[-1];
            // A loss of one's own may know labels that are none, such as -100 for "ignore".
            all_are_classes = all_are_classes && std::all_of(labels.begin(), labels.end(),
                                                             [K](int64_t label) { return label >= 0 && label < K; });
            correct += count_correct(output, classes);
            classified += classes.numel();
            if (all_are_classes && classes.shape().rank() == 1) {
                for (const Prediction& one : predictions_of(output, classes)) result.predictions.push_back(one);
                result.labels.insert(result.labels.end(), labels.begin(), labels.end());
                result.classes = K;
            }
        }
        done += count;
        if (after_batch) after_batch(done);
    }
    result.loss = loss_sum / static_cast<double>(samples.size());
    if (!result.not_finite.empty()) {  // the largest of what cannot be compared would be called a class
        result.loss = std::numeric_limits<double>::quiet_NaN();
        result.forget_predictions();
        result.pixels.reset();
        return result;
    }
    if (!all_are_classes) result.forget_predictions();
    else if (classified > 0) result.accuracy = 100.0 * static_cast<double>(correct) / static_cast<double>(classified);
    return result;
}

void add_scores(nlohmann::json& entry, const std::string& set, const Evaluation& evaluation) {
    if (!std::isnan(evaluation.accuracy)) entry[set + "_accuracy"] = evaluation.accuracy;
    if (!evaluation.pixels) return;
    const PixelCounts& pixels = *evaluation.pixels;
    entry[set + "_mean_iou"] = pixels.mean_iou();
    entry[set + "_pixel_accuracy"] = pixels.accuracy();
    nlohmann::json of_classes = nlohmann::json::array();
    for (int64_t k = 0; k < pixels.classes(); ++k) of_classes.push_back(pixels.iou(k));
    entry[set + "_iou"] = of_classes;
}

// ---- pixels

void PixelCounts::add(const Tensor& logits, const Tensor& classes) {
    const int64_t K = logits.shape()[-1], n = classes.numel();
    check(logits.shape().rank() == 4 && classes.dtype() == DType::int64 && logits.numel() == n * K,
          "[evaluate] pixels need logits [B, H, W, K] and int64 classes [B, H, W], got {} and {}", logits, classes);
    check(classes_ == 0 || classes_ == K, "[evaluate] logits of {} classes, before of {}", K, classes_);
    classes_ = K;
    counts_.resize(static_cast<size_t>(K * K));
    const Tensor values = logits.on_cpu();
    const int64_t* truths = classes.data<int64_t>();
    dispatch_any_float("evaluate", values.dtype(), [&]<class T>(T) {
        using A = acc_type<T>;
        const T* row = values.data<T>();
        for (int64_t i = 0; i < n; ++i, row += K) {
            if (truths[i] == ignored_class) continue;
            check(truths[i] >= 0 && truths[i] < K, "[evaluate] class {} of a pixel is not in 0..{}", truths[i], K - 1);
            int64_t predicted = 0;  // the first of several
            for (int64_t k = 1; k < K; ++k)
                if (A(row[k]) > A(row[predicted])) predicted = k;
            counts_[static_cast<size_t>(truths[i] * K + predicted)] += 1;
        }
    });
}

double PixelCounts::iou(int64_t k) const {
    int64_t either = -count(k, k);
    for (int64_t other = 0; other < classes_; ++other) either += count(k, other) + count(other, k);
    return either == 0 ? std::numeric_limits<double>::quiet_NaN()
                       : 100 * static_cast<double>(count(k, k)) / static_cast<double>(either);
}

double PixelCounts::mean_iou() const {
    double sum = 0, found = 0;
    for (int64_t k = 0; k < classes_; ++k)
        if (const double one = iou(k); !std::isnan(one)) sum += one, found += 1;
    return found == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / found;
}

double PixelCounts::accuracy() const {
    int64_t right = 0, all = 0;
    for (int64_t k = 0; k < classes_; ++k) right += count(k, k);
    for (const int64_t one : counts_) all += one;
    return all == 0 ? std::numeric_limits<double>::quiet_NaN()
                    : 100 * static_cast<double>(right) / static_cast<double>(all);
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
        const int64_t label = labels.data<int64_t>()[b];
        const double of_label = row[label];
        const auto before = std::count_if(row, row + label, [=](double other) { return other >= of_label; });
        const auto behind = std::count_if(row + label + 1, row + K, [=](double other) { return other > of_label; });
        predictions.push_back({predicted, 1 / sum, std::log(sum) + largest - of_label, before + behind});
    }
    return predictions;
}

}  // namespace swingrad
