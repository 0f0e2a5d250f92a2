#include "train/experiments/window_transfer.h"

#include "core/threads.h"
#include "models/swin/swin_v2.h"
#include "train/data/pixels/resize.h"

#include <algorithm>

namespace swingrad {

Dataset resized(const Dataset& data, Extent extent) {
    if (extent == data.extent()) return data;
    Dataset result{data.classes, Tensor::empty({data.size(), extent.rows, extent.columns, 3}, DType::uint8),
                   data.labels};
    const int64_t given = data.images.numel() / data.size(), wanted = result.images.numel() / data.size();
    const uint8_t* from = data.images.data<uint8_t>();
    uint8_t* to = result.images.data<uint8_t>();
    parallel_chunks(data.size(), 16, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            Tensor image = Tensor::empty({data.extent().rows, data.extent().columns, 3}, DType::uint8);
            std::copy_n(from + i * given, given, image.data<uint8_t>());
            std::copy_n(resized(image, extent).data<uint8_t>(), wanted, to + i * wanted);
        }
    });
    return result;
}

double extrapolation(OffsetScale scale, int64_t from, int64_t to) {
    const auto largest = [&](int64_t window) {
        const Tensor coordinates = relative_coordinates({window, window}, {from, from}, scale, DType::float64);
        return coordinates.data<double>()[coordinates.numel() - 1];
    };
    return (largest(to) - largest(from)) / largest(from);
}

std::vector<double> bias_map(const SwinConfig& config, const Parameters& parameters, int64_t head) {
    const std::string prefix = "layers.0.blocks.0.attn.";
    const WindowMap map = block_window_map(map_of_stage(config, 0), config.window_size[0], false, config.padding_order);
    const int64_t heads = config.num_heads[0];
    // The model's own layer once more, with the model's parameters, so that the bias is computed in one place only.
    WindowAttention attention(config, {.number = 0,
                                       .channels = config.embed_dim,
                                       .heads = heads,
                                       .windows = map,
                                       .pretrained_window = config.pretrained_window_sizes[0],
                                       .drop_path = 0,
                                       .extra_norm = false});
    for (const NamedParameter& own : attention.parameters())
        for (const Parameters::Entry& entry : parameters.entries())
            if (entry.name == prefix + own.name) own.parameter->value = entry.value;
    const NoGrad no_recording;
    const Tensor bias = attention.position_bias().on_cpu().to(DType::float64);
    std::vector<double> values;
    for (int64_t offset = 0; offset < map->offsets(); ++offset)
        values.push_back(bias.data<double>()[offset * heads + head]);
    return values;
}

}  // namespace swingrad
