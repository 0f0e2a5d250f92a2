#include "train/optim/clip.h"

#include "train/optim/flat.h"

#include <cmath>
#include <numeric>

namespace swingrad {

double gradient_norm(const Parameters& parameters) {
    // One sum a chunk, added in order: neither depends on which thread took which chunk.
    std::vector<double> sums(static_cast<size_t>(flat_chunks(parameters)), 0.0);
    dispatch_float("gradient_norm", parameters.dtype(), [&]<class T>(T) {
        const T* gradients = parameters.gradients().data<T>();
        for_each_stretch(parameters, [&](int64_t chunk, size_t, int64_t begin, int64_t end) {
            double sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = begin; i < end; ++i) sum += static_cast<double>(gradients[i]) * gradients[i];
            sums[static_cast<size_t>(chunk)] += sum;
        });
    });
    return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

double clip_gradients(const Parameters& parameters, double max_norm) {
    check(max_norm > 0, "[clip] max_norm must be above 0, got {}", max_norm);
    const double norm = gradient_norm(parameters);
    const double factor = max_norm / (norm + 1e-6);
    if (!std::isfinite(norm) || factor >= 1) return norm;
    dispatch_float("clip", parameters.dtype(), [&]<class T>(T) {
        T* gradients = parameters.gradients().data<T>();
        for_each_stretch(parameters, [&](int64_t, size_t, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) gradients[i] *= static_cast<T>(factor);
        });
    });
    return norm;
}

}  // namespace swingrad
