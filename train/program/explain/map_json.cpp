#include "train/program/explain/map_json.h"

#include "train/program/explain/bytes.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swingrad {
namespace {

using nlohmann::json;

// A map of numbers, made smaller by a whole factor, each number the mean of a square of them, until no side is longer
// than most_shown_tokens.
struct Drawn {
    int64_t rows, columns;
    std::vector<double> values;
};
Drawn drawn_of(const std::vector<double>& values, int64_t rows, int64_t columns) {
    const int64_t factor = (std::max(rows, columns) + most_shown_tokens - 1) / most_shown_tokens;
    if (factor <= 1) return {rows, columns, values};
    const auto part_of = [&](int64_t size) { return (size + factor - 1) / factor; };
    Drawn drawn{part_of(rows), part_of(columns), {}};
    for (int64_t top = 0; top < rows; top += factor)
        for (int64_t left = 0; left < columns; left += factor) {
            double sum = 0, count = 0;
            for (int64_t r = top; r < std::min(top + factor, rows); ++r)
                for (int64_t c = left; c < std::min(left + factor, columns); ++c, ++count)
                    sum += values[static_cast<size_t>(r * columns + c)];
            drawn.values.push_back(sum / count);
        }
    return drawn;
}

}  // namespace

json json_of_map(const std::string& layer, const Tensor& value, int64_t most_channels) {
    const int64_t rows = value.shape()[1], columns = value.shape()[2], C = value.shape()[3];
    const std::vector<double> values = value.values();
    std::vector<std::vector<double>> channels(static_cast<size_t>(C));
    std::vector<double> all(static_cast<size_t>(rows * columns));
    double amplitude = 0, largest = 0;
    for (size_t i = 0; i < values.size(); ++i) {
        channels[i % channels.size()].push_back(values[i]);
        all[i / channels.size()] += values[i] * values[i] / static_cast<double>(C);
        amplitude += std::abs(values[i]), largest = std::max(largest, std::abs(values[i]));
    }
    for (double& one : all) one = std::sqrt(one);
    std::vector<double> variances;
    for (const auto& channel : channels) {
        const auto n = static_cast<double>(channel.size());
        const double mean = std::accumulate(channel.begin(), channel.end(), 0.0) / n;
        variances.push_back(std::accumulate(channel.begin(), channel.end(), 0.0,
                                            [&](double sum, double one) { return sum + (one - mean) * (one - mean); }));
    }
    std::vector<size_t> order(channels.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return variances[a] > variances[b]; });
    order.resize(std::min(order.size(), static_cast<size_t>(most_channels)));

    const auto drawn = [&](const std::vector<double>& numbers, int64_t channel) {
        json picture = as_bytes(drawn_of(numbers, rows, columns).values, layer);
        picture["channel"] = channel;
        return picture;
    };
    const Drawn shape = drawn_of(all, rows, columns);
    json map{{"layer", layer},
             {"rows", rows},
             {"columns", columns},
             {"channels", C},
             {"amplitude", in_six_digits(amplitude / static_cast<double>(values.size()))},
             {"largest", in_six_digits(largest)},
             {"drawn", {shape.rows, shape.columns}},
             {"pictures", {drawn(all, -1)}}};
    for (const size_t channel : order)
        map["pictures"].push_back(drawn(channels[channel], static_cast<int64_t>(channel)));
    return map;
}

json json_of_lengths(const std::vector<double>& lengths, int64_t rows, int64_t columns, const std::string& name) {
    const bool finite = std::all_of(lengths.begin(), lengths.end(), [](double one) { return std::isfinite(one); });
    if (lengths.empty() || !finite) return nullptr;
    const Drawn drawn = drawn_of(lengths, rows, columns);
    json map = as_bytes(drawn.values, name);
    map["rows"] = drawn.rows, map["columns"] = drawn.columns;
    return map;
}

}  // namespace swingrad
