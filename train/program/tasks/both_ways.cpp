#include "train/program/tasks/both_ways.h"

#include "autograd/tape.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace swingrad {
namespace {

// Of a row of logits, by exp(x - largest), which cannot overflow.
void add_probabilities(const double* logits, int64_t K, double* to) {
    const double largest = *std::max_element(logits, logits + K);
    double sum = 0;
    for (int64_t k = 0; k < K; ++k) sum += std::exp(logits[k] - largest);
    for (int64_t k = 0; k < K; ++k) to[k] += std::exp(logits[k] - largest) / sum;
}

}  // namespace

Tensor mirrored(const Tensor& images) {
    check(images.shape().rank() == 4, "[mirrored] images must be [B, H, W, C], got {}", images);
    const Tensor from = images.on_cpu();
    const Tensor to = Tensor::empty(from.shape(), from.dtype());
    const int64_t rows = from.shape()[0] * from.shape()[1], columns = from.shape()[2];
    if (from.numel() == 0) return images;
    const size_t pixel = from.bytes() / static_cast<size_t>(rows * columns);
    const auto* source = static_cast<const std::byte*>(from.address());
    auto* target = static_cast<std::byte*>(const_cast<void*>(to.address()));
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
            std::memcpy(target + static_cast<size_t>(row * columns + column) * pixel,
                        source + static_cast<size_t>(row * columns + columns - 1 - column) * pixel, pixel);
    return to.on(images.device());
}

Tensor BothWays::forward(const Tensor& images) const {
    const NoGrad no_recording;
    const Tensor seen = model_.forward(images);
    check(seen.shape().rank() == 2, "[both_ways] expects a classifier's logits [B, K], got {}", seen);
    const std::vector<double> one = seen.values(), other = model_.forward(mirrored(images)).values();
    const int64_t B = seen.shape()[0], K = seen.shape()[1];
    constexpr double least = 1e-300;  // of a probability that is 0 in double precision, the logarithm is finite
    std::vector<double> log_mean(one.size(), 0.0);
    for (int64_t b = 0; b < B; ++b) {
        double* const row = log_mean.data() + b * K;
        add_probabilities(one.data() + b * K, K, row);
        add_probabilities(other.data() + b * K, K, row);
        for (int64_t k = 0; k < K; ++k) row[k] = std::log(std::max(row[k] / 2, least));
    }
    return Tensor::from({B, K}, log_mean).to(acc_dtype(seen.dtype())).on(seen.device());
}

}  // namespace swingrad
