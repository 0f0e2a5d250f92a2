#include "train/optim/clip.h"

#include "cuda/optim/gradient_norm.h"
#include "train/optim/flat.h"
#include "train/optim/flat_table.h"
#include "train/ranks/shares.h"

#include <cmath>
#include <numeric>

namespace swingrad {

namespace {

double norm_on_cpu(const Parameters& parameters, const Shards* shards) {
    // One sum a stretch, added in order: neither depends on which thread took which.
    const std::vector<Stretch> all = stretches(parameters);
    std::vector<double> sums(all.size(), 0.0);
    dispatch_float("gradient_norm", parameters.values().dtype(), [&]<class T>(T) {
        parallel_for(static_cast<int64_t>(all.size()), [&](int64_t number) {
            const Stretch& stretch = all[static_cast<size_t>(number)];
            if (shards && !shards->own_entries()[stretch.entry]) return;
            with_gradients<T>(parameters, stretch, [&](const auto* g) {
                double sum = 0;
#pragma omp simd reduction(+ : sum)
                for (int64_t i = 0; i < stretch.end - stretch.begin; ++i)
                    sum += static_cast<double>(widen(g[i])) * widen(g[i]);
                sums[static_cast<size_t>(number)] = sum;
            });
        });
    });
    if (shards)
        gather_known<double>(shards->ranks(), sums,
                             [&](int rank, size_t number) { return shards->owner(all[number].entry) == rank; });
    return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

double norm_by_kernels(const Parameters& parameters) {
    const Tensor norm = Tensor::empty({1}, DType::float64, Device::cuda);
    FlatTable table(parameters);
    dispatch_float("gradient_norm", parameters.values().dtype(), [&]<class T>(T) {
        cuda::gradient_norm(table.current(), parameters.gradients().device_data<T>(),
                            device_data_or_null<bfloat16>(parameters.copies_gradients()), norm.device_data<double>());
    });
    return norm.item();
}

template <class T>
void scale_on_cpu(const Parameters& parameters, double factor, const Shards* shards) {
    for_each(stretches(parameters, own_entries(shards)), [&](const Stretch& stretch) {
        with_gradients<T>(parameters, stretch, [&]<class G>(G* g) {
            for (int64_t i = 0; i < stretch.end - stretch.begin; ++i)
                g[i] = static_cast<G>(widen(g[i]) * static_cast<acc_type<G>>(factor));
        });
    });
}

}  // namespace

double gradient_norm(const Parameters& parameters, const Shards* shards) {
    return parameters.device() == Device::cpu ? norm_on_cpu(parameters, shards) : norm_by_kernels(parameters);
}

double clip_gradients(const Parameters& parameters, double max_norm, const Shards* shards) {
    check(max_norm > 0, "[clip] max_norm must be above 0, got {}", max_norm);
    const double norm = gradient_norm(parameters, shards);
    const double factor = max_norm / (norm + 1e-6);
    if (!std::isfinite(norm) || factor >= 1) return norm;
    dispatch_float("clip", parameters.values().dtype(), [&]<class T>(T) {
        if (parameters.device() == Device::cpu) return scale_on_cpu<T>(parameters, factor, shards);
        FlatTable table(parameters);
        cuda::scale_gradients(table.current(), factor, parameters.gradients().device_data<T>(),
                              device_data_or_null<bfloat16>(parameters.copies_gradients()));
    });
    return norm;
}

}  // namespace swingrad
