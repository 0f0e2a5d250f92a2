#include "models/swin/swin_v2.h"

#include "cuda/optim/training_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace swingrad {
namespace {

void observe(const ForwardOptions& options, std::string_view name, const Tensor& value) {
    if (options.observe) options.observe(name, value);
}

Tensor observed(const char* name, const Module& layer, const Tensor& in, const ForwardOptions& options) {
    const Scope scope(name);
    const Tensor out = layer.forward(in);
    observe(options, name, out);
    return out;
}

const SwinConfig& valid(const SwinConfig& config) {
    validate(config);
    return config;
}

}  // namespace

Extent map_of_stage(const SwinConfig& config, size_t index) {
    Extent map{config.img_size.rows / config.patch_size.rows, config.img_size.columns / config.patch_size.columns};
    for (size_t i = 0; i < index; ++i) map = {(map.rows + 1) / 2, (map.columns + 1) / 2};
    return map;
}

int64_t channels_of_stage(const SwinConfig& config, size_t index) { return config.embed_dim << index; }

Stage::Stage(const SwinConfig& config, size_t index, Extent map, int64_t first_block)
    : name_(fmt::format("layers.{}", index)) {
    const int64_t channels = channels_of_stage(config, index), depth = config.depths[index];
    const int64_t network_depth = std::accumulate(config.depths.begin(), config.depths.end(), int64_t{0});
    if (index > 0) {
        downsample = std::make_unique<PatchMerging>(channels / 2, config.merging_norm);
        declare("downsample", *downsample);
    }
    const WindowMap plain = block_window_map(map, config.window_size[index], false, config.padding_order);
    const WindowMap shifted = block_window_map(map, config.window_size[index], true, config.padding_order);
    for (int64_t j = 0; j < depth; ++j) {
        const int64_t number = first_block + j;
        BlockConfig block;
        block.number = number;
        block.channels = channels;
        block.heads = config.num_heads[index];
        block.windows = j % 2 == 0 ? plain : shifted;
        block.pretrained_window = config.pretrained_window_sizes[index];
        // Stochastic depth grows linearly from 0 at the first block to the full rate at the last.
        block.drop_path = network_depth > 1 ? config.drop_path_rate * static_cast<double>(number) /
                                                  static_cast<double>(network_depth - 1)
                                            : 0;
        block.extra_norm = config.extra_norm_every > 0 && (j + 1) % config.extra_norm_every == 0;
        blocks.push_back(std::make_unique<Block>(config, block));
        declare(fmt::format("blocks.{}", j), *blocks.back());
    }
}

Tensor Stage::forward(const Tensor& x, const ForwardOptions& options) const {
    Tensor map = x;
    if (downsample) {
        const Scope scope(name_ + ".downsample");
        map = downsample->forward(map);
        observe(options, name_ + ".downsample", map);
    }
    for (size_t j = 0; j < blocks.size(); ++j) {
        const std::string name = fmt::format("{}.blocks.{}", name_, j);
        const Scope scope(name);
        map = blocks[j]->forward(map, options);
        observe(options, name, map);
    }
    observe(options, name_, map);
    return map;
}

SwinV2::SwinV2(const SwinConfig& config) : SwinV2(config, Top::classifier) {}

SwinV2::SwinV2(const SwinConfig& config, Top top)
    : config_(valid(config)),
      patch_embed_(config.in_chans, config.embed_dim, config.patch_size),
      norm_(channels_of_stage(config, config.depths.size() - 1)),
      head_(channels_of_stage(config, config.depths.size() - 1), config.num_classes, start_of_linear()) {
    declare("patch_embed", patch_embed_);
    if (config.position_embedding == PositionEmbedding::absolute) {
        const auto [rows, columns] = map_of_stage(config, 0);
        declare("absolute_pos_embed", absolute_pos_embed_, {1, rows, columns, config.embed_dim},
                Init::normal(weight_deviation), Decay::no, Precision::mixed);
        absolute_pos_embed_.is_table = true;
    }
    int64_t first_block = 0;
    for (size_t i = 0; i < config.depths.size(); ++i) {
        stages_.push_back(std::make_unique<Stage>(config, i, map_of_stage(config, i), first_block));
        declare(fmt::format("layers.{}", i), *stages_.back());
        first_block += config.depths[i];
    }
    if (top == Top::none) return;
    declare("norm", norm_);
    declare("head.fc", head_);
}

std::optional<int64_t> SwinV2::layer_of(const std::string& parameter) const {
    const int64_t blocks = std::accumulate(config_.depths.begin(), config_.depths.end(), int64_t{0});
    if (parameter.starts_with("patch_embed.") || parameter == "absolute_pos_embed") return 0;
    if (parameter.starts_with("norm.")) return blocks;
    if (parameter.starts_with("head.")) return blocks + 1;
    int64_t first = 1;
    for (size_t i = 0; i < config_.depths.size(); first += config_.depths[i++]) {
        if (parameter.starts_with(fmt::format("layers.{}.downsample.", i))) return first;
        for (int64_t j = 0; j < config_.depths[i]; ++j)
            if (parameter.starts_with(fmt::format("layers.{}.blocks.{}.", i, j))) return first + j;
    }
    return std::nullopt;
}

Tensor SwinV2::as_input(const Tensor& images) const {
    const Tensor there = images.on(device());
    return there.dtype() == dtype() ? there : there.to(dtype());
}

std::vector<double> SwinV2::drop_path_rates() const {
    std::vector<double> rates;
    for (const auto& stage : stages_)
        for (const auto& block : stage->blocks) rates.insert(rates.end(), 2, block->drop_path_rate());
    return rates;
}

Tensor SwinV2::forward(const Tensor& images) const { return forward(images, options_of_step()); }

ForwardOptions SwinV2::options_of_step() const {
    ForwardOptions options;
    options.training = training();
    options.random = random();
    if (drawn_ahead()) {
        options.keeps = keeps_;
        options.dropouts = dropouts_;
    }
    return options;
}

// All blocks' at once: drop path by one kernel, what dropout draws from by another.
void SwinV2::draw_ahead(int64_t batch, DType dtype, Device device) {
    const std::vector<double> rates = drop_path_rates();
    const bool drops_paths = std::any_of(rates.begin(), rates.end(), [](double rate) { return rate > 0; });
    const bool drops_elements = config_.drop_rate > 0 || config_.proj_drop_rate > 0;
    if (device != Device::cuda || !(drops_paths || drops_elements)) return;
    const auto count = static_cast<int64_t>(rates.size());
    if (drops_paths) {
        if (!rates_.defined()) rates_ = Tensor::from({count}, rates).on(device);
        if (!keeps_.defined() || keeps_.shape()[1] != batch)
            keeps_ = Tensor::empty({count, batch}, acc_dtype(dtype), device);
        dispatch_float("swin_v2", keeps_.dtype(), [&]<class W>(W) {
            cuda::draw_keeps(count, batch, rates_.device_data<double>(), random(), keeps_.device_data<W>());
        });
    }
    if (drops_elements) {
        const int64_t rows = 1 + 3 * (count / 2);
        if (!dropouts_.defined()) dropouts_ = Tensor::empty({rows, 2}, DType::int64, device);
        cuda::write_streams(rows, head_dropout_stream, random(), dropouts_.device_data<int64_t>());
    }
    note_drawn_ahead();
}

Tensor SwinV2::forward(const Tensor& images, const ForwardOptions& options) const {
    const int64_t C = norm_.weight.shape[0];
    const bool computed_before = images.shape().rank() == 2 && images.shape()[1] == C;
    const Tensor pooled = computed_before ? images : features(images, options);
    const Scope scope("head");
    return head_.forward(dropped(pooled, config_.drop_rate, options, 0));
}

Tensor SwinV2::with_positions(const Tensor& x, const ForwardOptions& options) const {
    const Tensor& positions = absolute_pos_embed_;
    if (!positions.defined()) return x;
    const Scope scope("absolute_pos_embed");
    const Tensor placed = add(x, positions);
    observe(options, "absolute_pos_embed", placed);
    return placed;
}

std::vector<Tensor> SwinV2::maps(const Tensor& images, const ForwardOptions& options, const Tensor& mask_token,
                                 const Tensor& mask) const {
    const Extent size = config_.img_size;
    check(images.shape().rank() == 4 && images.shape()[1] == size.rows && images.shape()[2] == size.columns &&
              images.shape()[3] == config_.in_chans,
          "[swin_v2] images must be [B, {}, {}, {}], got {}", size.rows, size.columns, config_.in_chans,
          images.shape());
    Tensor x = observed("patch_embed", patch_embed_, images, options);
    if (mask.defined()) x = mask_tokens(x, mask_token, mask);
    x = with_positions(x, options);
    std::vector<Tensor> maps;
    for (const auto& stage : stages_) maps.push_back(x = stage->forward(x, options));
    return maps;
}

Tensor SwinV2::features(const Tensor& images, const ForwardOptions& options) const {
    const Tensor x = observed("norm", norm_, maps(images, options).back(), options);
    const Scope scope("head");
    return global_average_pool(x);
}

}  // namespace swingrad
