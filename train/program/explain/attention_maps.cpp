#include "train/program/explain/attention_maps.h"

#include "core/error.h"

#include <algorithm>

namespace swingrad {

std::vector<BlockAttention> attention_of(const SwinConfig& config, const Parameters& parameters, const Tensor& images) {
    SwinV2 model(config);
    const Parameters copies(model, DType::float32, Random{});
    copies.values().copy_from(parameters.values().on_cpu().to(DType::float32));
    std::vector<BlockAttention> blocks;
    ForwardOptions options;
    options.observe_attention = [&](int64_t, const WindowAttention& attention, const Tensor& x) {
        std::vector<double> temperatures = attention.score_scales();
        for (double& value : temperatures) value = 1 / value;
        blocks.push_back({attention.map(), attention.weights(x), temperatures, attention.position_bias()});
    };
    const NoGrad no_recording;
    model.forward(images, options);
    return blocks;
}

std::vector<LargestKey> largest_keys(const BlockAttention& attention) {
    const int64_t heads = attention.heads(), N = attention.map->tokens, windows = attention.weights.shape()[0];
    const auto* weights = attention.weights.data<float>();
    std::vector<LargestKey> all(static_cast<size_t>(heads));
    int64_t counted = 0;
    for (int64_t window = 0; window < windows; ++window)
        for (int64_t query = 0; query < N; ++query) {
            if (attention.map->source[static_cast<size_t>(window % attention.map->windows * N + query)] < 0) continue;
            ++counted;
            for (int64_t head = 0; head < heads; ++head) {
                const float* row = weights + ((window * heads + head) * N + query) * N;
                const double largest = *std::max_element(row, row + N);
                all[static_cast<size_t>(head)].share += largest;
                all[static_cast<size_t>(head)].dominated += largest > 0.5;
            }
        }
    for (LargestKey& one : all)
        one.share /= static_cast<double>(counted), one.dominated /= static_cast<double>(counted);
    return all;
}

std::vector<double> where_it_looks(const BlockAttention& attention, int64_t image, int64_t head, int64_t token) {
    const WindowTable& map = *attention.map;
    const auto found = std::find(map.source.begin(), map.source.end(), token);
    check(found != map.source.end(), "[attention] the map has no token {}", token);
    const int64_t place = found - map.source.begin(), window = place / map.tokens, query = place % map.tokens;
    const float* row = attention.weights.data<float>() +
                       (((image * map.windows + window) * attention.heads() + head) * map.tokens + query) * map.tokens;
    std::vector<double> picture(static_cast<size_t>(map.map.rows * map.map.columns));
    for (int64_t key = 0; key < map.tokens; ++key)
        if (const int32_t at = map.source[static_cast<size_t>(window * map.tokens + key)]; at >= 0)
            picture[static_cast<size_t>(at)] = row[key];
    return picture;
}

}  // namespace swingrad
