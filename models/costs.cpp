#include "models/costs.h"

#include "models/swin_v2.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr int64_t cpb_hidden = 512;  // as in models/layers.cpp

int64_t whole_windows(int64_t size, int64_t window) { return (size + window - 1) / window; }

// One stage's sizes, in the letters of ops/ops.h; r = H W tokens in a map.
struct Sizes {
    int64_t B, H, W, C, r, heads, hidden, nW, N, R;
    bool padded;
    int64_t bytes;  // of an element

    Shape map(int64_t channels) const { return {B, H, W, channels}; }
    int64_t map_bytes(int64_t channels) const { return B * r * channels * bytes; }
    int64_t statistics_bytes() const { return 2 * B * r * bytes; }  // mean and rstd of a layer norm
};

class Counter {
  public:
    Counter(const SwinConfig& config, int64_t batch, DType dtype)
        : config_(config),
          batch_(batch),
          bytes_(static_cast<int64_t>(size_of(dtype))),
          memory_known_(switches_of_unknown_memory(config).empty()) {}

    std::vector<LayerCost> count() {
        patch_embed();
        for (size_t i = 0; i < config_.depths.size(); ++i) stage(i);
        head();
        return std::move(layers_);
    }

  private:
    void add(std::string name, const Shape& output, int64_t parameters, int64_t multiply_adds, int64_t saved_bytes) {
        layers_.push_back({std::move(name), output, parameters, multiply_adds,
                           memory_known_ ? std::optional(saved_bytes) : std::nullopt});
    }

    Sizes sizes_of(size_t stage) const {
        const Extent map = map_of_stage(config_, stage), window = window_of_stage(config_, stage);
        const int64_t down = whole_windows(map.rows, window.rows), across = whole_windows(map.columns, window.columns);
        Sizes s{};
        s.B = batch_, s.H = map.rows, s.W = map.columns, s.C = channels_of_stage(config_, stage), s.r = s.H * s.W;
        s.heads = config_.num_heads[stage];
        s.hidden = static_cast<int64_t>(static_cast<double>(s.C) * config_.mlp_ratio);
        s.nW = down * across, s.N = window.rows * window.columns;
        s.R = (2 * window.rows - 1) * (2 * window.columns - 1);
        s.padded = down * window.rows != map.rows || across * window.columns != map.columns;
        s.bytes = bytes_;
        return s;
    }

    // Saves the images; of its norm, what the projection put out.
    void patch_embed() {
        const Sizes s = sizes_of(0);
        const int64_t patch = config_.patch_size.rows * config_.patch_size.columns * config_.in_chans;
        const int64_t images = batch_ * config_.img_size.rows * config_.img_size.columns * config_.in_chans * bytes_;
        add("patch_embed", s.map(s.C), patch * s.C + s.C + 2 * s.C, batch_ * s.r * s.C * (patch + 1),
            images + s.map_bytes(s.C) + s.statistics_bytes());
    }

    void stage(size_t index) {
        const Sizes s = sizes_of(index);
        const std::string stage = "layers." + std::to_string(index);
        if (index > 0) merging(stage + ".downsample", s);
        for (int64_t j = 0; j < config_.depths[index]; ++j, ++block_) {
            const std::string block = stage + ".blocks." + std::to_string(j);
            attention(block + ".attn", s);
            norm_of_branch(block + ".norm1", s);
            // Saves its input and the hidden layer before GELU.
            add(block + ".mlp", s.map(s.C), 2 * s.C * s.hidden + s.hidden + s.C, s.B * s.r * 2 * s.C * s.hidden,
                s.map_bytes(s.C) + s.map_bytes(s.hidden));
            norm_of_branch(block + ".norm2", s);
            if (config_.extra_norm_every > 0 && (j + 1) % config_.extra_norm_every == 0)
                add(block + ".norm3", s.map(s.C), 2 * s.C, s.B * s.r * s.C, s.map_bytes(s.C) + s.statistics_bytes());
        }
    }

    // Saves the merged neighbours, 4C' = 2C channels, and what the reduction put out.
    void merging(const std::string& name, const Sizes& s) {
        const bool before = config_.merging_norm == MergingNorm::before;
        const int64_t merged = 2 * s.C, normalised = before ? merged : s.C;
        add(name, s.map(s.C), merged * s.C + 2 * normalised, s.B * s.r * (merged * s.C + normalised),
            s.map_bytes(merged) + s.map_bytes(s.C) + s.statistics_bytes());
    }

    int64_t position_parameters(const Sizes& s) const {
        switch (config_.position_bias) {
            case PositionBias::none: return 0;
            case PositionBias::table: return s.R * s.heads;
            default: return cpb_hidden * (3 + s.heads);
        }
    }

    // Saves its input, qkv, the position bias and its own result; of the position bias' network the coordinates, the
    // hidden layer and what it put out; of padded windows, the bias that padding has for its qkv.
    void attention(const std::string& name, const Sizes& s) {
        const int64_t scales = config_.attention == AttentionKind::cosine ? s.heads : 0;
        const int64_t biases = config_.qkv_bias ? (config_.key_bias ? 3 : 2) * s.C : 0;
        const int64_t maps = s.map_bytes(s.C) + s.map_bytes(3 * s.C) + s.map_bytes(s.C);
        const int64_t position = s.heads * s.N * s.N + s.R * (2 + cpb_hidden + s.heads);
        add(name, s.map(s.C), scales + biases + position_parameters(s) + 4 * s.C * s.C + s.C,
            s.B * (s.r * 4 * s.C * s.C + s.nW * 2 * s.N * s.N * s.C),
            maps + (position + (s.padded ? 3 * s.C : 0)) * s.bytes);
    }

    // Saves what the branch put out, and the drop path's choice; the first block of all drops none.
    void norm_of_branch(const std::string& name, const Sizes& s) {
        const int64_t norms = config_.norm == NormPlacement::sandwich ? 2 : 1;
        const bool drops = config_.drop_path_rate > 0 && block_ > 0;
        add(name, s.map(s.C), norms * 2 * s.C, norms * s.B * s.r * s.C,
            s.map_bytes(s.C) + s.statistics_bytes() + (drops ? s.B * s.bytes : 0));
    }

    // The norm saves its input, the classifier the pooled map, the loss probabilities and targets.
    void head() {
        const Sizes s = sizes_of(config_.depths.size() - 1);
        const int64_t K = config_.num_classes;
        add("norm", s.map(s.C), 2 * s.C, s.B * s.r * s.C, s.map_bytes(s.C) + s.statistics_bytes());
        add("head.fc", {s.B, K}, s.C * K + K, s.B * s.C * K, s.B * s.C * s.bytes);
        add("loss", {}, 0, 0, 2 * s.B * K * s.bytes);
    }

    const SwinConfig& config_;
    const int64_t batch_, bytes_;
    const bool memory_known_;
    int64_t block_ = 0;  // of the whole network
    std::vector<LayerCost> layers_;
};

}  // namespace

Extent window_of_stage(const SwinConfig& config, size_t index) {
    const Extent map = map_of_stage(config, index), window = config.window_size[index];
    return {std::min(window.rows, map.rows), std::min(window.columns, map.columns)};
}

std::vector<std::string> switches_of_unknown_memory(const SwinConfig& config) {
    std::vector<std::string> keys;
    const auto unless = [&](bool known, const char* key) {
        if (!known) keys.push_back(key);
    };
    unless(config.norm == NormPlacement::res_post, "norm");
    unless(config.merging_norm == MergingNorm::after, "merging_norm");
    unless(config.attention == AttentionKind::cosine, "attention");
    unless(config.position_bias == PositionBias::log_cpb, "position_bias");
    unless(config.cpb_formula == CpbFormula::code, "cpb_formula");
    unless(!config.key_bias, "key_bias");
    unless(config.drop_rate == 0, "drop_rate");
    unless(config.proj_drop_rate == 0, "proj_drop_rate");
    unless(!config.sequential_attention, "sequential_attention");
    unless(!config.checkpoint_blocks, "checkpoint_blocks");
    return keys;
}

std::vector<LayerCost> layer_costs(const SwinConfig& config, int64_t batch, DType dtype) {
    validate(config);
    check(batch >= 1 && batch <= 1'000'000, "[costs] the batch must be 1 to 1000000, got {}", batch);
    return Counter(config, batch, dtype).count();
}

LayerCost total_cost(const std::vector<LayerCost>& layers) {
    LayerCost total{"total", {}, 0, 0, 0};
    for (const LayerCost& layer : layers) {
        total.parameters += layer.parameters;
        total.multiply_adds += layer.multiply_adds;
        if (total.saved_bytes && layer.saved_bytes) *total.saved_bytes += *layer.saved_bytes;
        else total.saved_bytes.reset();
    }
    return total;
}

}  // namespace swingrad
