#include "train/loop/loss.h"

#include "ops/ops.h"

#include <algorithm>

namespace swingrad {
namespace {

// Logits [..., K] and a class for each row.
bool fits(const Tensor& output, const Tensor& targets) {
    return output.shape().rank() >= 2 && output.shape()[-1] > 0 && targets.dtype() == DType::int64 &&
           output.shape().rank() == targets.shape().rank() + 1 && output.shape().rows() == targets.numel();
}

}  // namespace

Loss classification_loss(double label_smoothing) {
    return [label_smoothing](const Tensor& output, const Tensor& targets) {
        check(fits(output, targets),
              "[loss] cross entropy needs logits [..., K] and int64 targets [...], got {} and {}", output, targets);
        if (output.shape().rank() == 2) return cross_entropy(output, targets, label_smoothing);
        return cross_entropy(reshape(output, {targets.numel(), output.shape()[-1]}), targets.view({targets.numel()}),
                             label_smoothing);
    };
}

Loss shared_classification_loss(double label_smoothing) {
    return [label_smoothing](const Tensor& output, const Tensor& shares) {
        check(output.shape().rank() == 2 && output.shape() == shares.shape(),
              "[loss] cross entropy needs logits [B, K] and shares of the classes [B, K], got {} and {}", output,
              shares);
        const DType summed = acc_dtype(output.dtype());
        const Tensor targets = shares.dtype() == summed ? shares : shares.to(summed);
        if (label_smoothing == 0) return cross_entropy_soft(output, targets);
        const double each = label_smoothing / static_cast<double>(output.shape()[1]);
        return cross_entropy_soft(output, affine(targets, 1 - label_smoothing, each));
    };
}

Loss pixel_loss(double label_smoothing) {
    return [label_smoothing](const Tensor& output, const Tensor& targets) {
        check(output.shape().rank() == 4 && fits(output, targets),
              "[loss] the loss of pixels needs logits [B, H, W, K] and int64 targets [B, H, W], got {} and {}", output,
              targets);
        return cross_entropy(reshape(output, {targets.numel(), output.shape()[-1]}), targets.view({targets.numel()}),
                             label_smoothing, ignored_class);
    };
}

bool is_classification(const Tensor& output, const Tensor& targets) {
    return fits(output, targets) && output.shape()[-1] > 1;
}

int64_t count_correct(const Tensor& logits, const Tensor& targets) {
    const int64_t K = logits.shape()[-1];
    const std::vector<double> values = logits.values();
    const std::vector<double> classes = targets.values();
    int64_t correct = 0;
    for (size_t b = 0; b < classes.size(); ++b) {
        const auto row = values.begin() + static_cast<int64_t>(b) * K;
        correct += static_cast<double>(std::max_element(row, row + K) - row) == classes[b];
    }
    return correct;
}

}  // namespace swingrad
