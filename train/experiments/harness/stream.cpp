#include "train/experiments/harness/stream.h"

#include "ops/ops.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swingrad {

StreamStatistics statistics_of(std::string name, const Tensor& x) {
    const std::vector<double> values = x.on_cpu().values();
    const auto n = static_cast<double>(values.size());
    StreamStatistics statistics{std::move(name)};
    for (const double value : values) {
        statistics.amplitude += std::abs(value) / n;
        statistics.largest = std::max(statistics.largest, std::abs(value));
    }
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    statistics.deviation = std::sqrt(squares / n);
    return statistics;
}

std::vector<StreamStatistics> stream_statistics(const SwinV2& model, const Tensor& images) {
    std::vector<StreamStatistics> blocks;
    ForwardOptions options;
    options.observe = [&](std::string_view name, const Tensor& value) {
        if (name.find(".blocks.") != std::string_view::npos) blocks.push_back(statistics_of(std::string(name), value));
    };
    const NoGrad no_recording;
    model.forward(model.as_input(images), options);
    return blocks;
}

Batch whole_batch(const Dataset& data, const Normalisation& normalisation) {
    std::vector<int64_t> all(static_cast<size_t>(data.size()));
    std::iota(all.begin(), all.end(), 0);
    return make_batch(data, all, normalisation, nullptr, Random{});
}

}  // namespace swingrad
