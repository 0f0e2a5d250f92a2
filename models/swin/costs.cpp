#include "models/swin/costs.h"

#include "models/swin/swin_v2.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr int64_t cpb_hidden = 512;  // as in models/swin/window_attention.cpp

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
        : config_(config), batch_(batch), bytes_(static_cast<int64_t>(size_of(dtype))) {}

    std::vector<LayerCost> count() {
        patch_embed();
        for (size_t i = 0; i < config_.depths.size(); ++i) stage(i);
        head();
        return std::move(layers_);
    }

  private:
    void add(std::string name, const Shape& output, int64_t parameters, int64_t multiply_adds, int64_t saved_bytes) {
        layers_.push_back({std::move(name), output, parameters, multiply_adds, saved_bytes});
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
        // A sum keeps nothing.
        if (config_.position_embedding == PositionEmbedding::absolute)
            add("absolute_pos_embed", s.map(s.C), s.r * s.C, 0, 0);
    }

    void stage(size_t index) {
        const Sizes s = sizes_of(index);
        const std::string stage = "layers." + std::to_string(index);
        if (index > 0) merging(stage + ".downsample", s);
        for (int64_t j = 0; j < config_.depths[index]; ++j, ++block_) {
            const size_t first = layers_.size();
            const std::string block = stage + ".blocks." + std::to_string(j) + ".";
            branch(block, "1", s, [&] { attention(block + "attn", s); });
            branch(block, "2", s, [&] { mlp(block + "mlp", s); });
            if (config_.extra_norm_every > 0 && (j + 1) % config_.extra_norm_every == 0) norm(block + "norm3", s);
            if (config_.checkpoint_blocks) keep_input_alone(first, s);
        }
    }

    // Saves its input and two numbers a token.
    void norm(const std::string& name, const Sizes& s, int64_t more = 0) {
        add(name, s.map(s.C), 2 * s.C, s.B * s.r * s.C, s.map_bytes(s.C) + s.statistics_bytes() + more);
    }

    // Attention or MLP with its norms, in the order they run. The drop path's choice is put down to norm1 and norm2;
    // the first block of all drops none.
    template <class Layer>
    void branch(const std::string& block, const std::string& which, const Sizes& s, const Layer& layer) {
        const int64_t keep = config_.drop_path_rate > 0 && block_ > 0 ? s.B * s.bytes : 0;
        if (config_.norm == NormPlacement::sandwich) norm(block + "pre_norm" + which, s);
        if (config_.norm == NormPlacement::pre) norm(block + "norm" + which, s, keep);
        layer();
        if (config_.norm != NormPlacement::pre) norm(block + "norm" + which, s, keep);
    }

    // Of a block that is computed again, from its layer `first` on, only what goes into it is kept.
    void keep_input_alone(size_t first, const Sizes& s) {
        for (size_t i = first; i < layers_.size(); ++i) layers_[i].saved_bytes = i == first ? s.map_bytes(s.C) : 0;
    }

    // Saves its input and the hidden layer before GELU; with dropout within, where it is not one operation, also after.
    void mlp(const std::string& name, const Sizes& s) {
        const int64_t hidden = s.map_bytes(s.hidden) * (config_.proj_drop_rate > 0 ? 2 : 1);
        add(name, s.map(s.C), 2 * s.C * s.hidden + s.hidden + s.C, s.B * s.r * 2 * s.C * s.hidden,
            s.map_bytes(s.C) + hidden);
    }

    // Saves the merged neighbours, 2C channels, and what went into the norm, or before the reduction came out of it.
    void merging(const std::string& name, const Sizes& s) {
        const int64_t merged = 2 * s.C, normalised = config_.merging_norm == MergingNorm::before ? merged : s.C;
        add(name, s.map(s.C), merged * s.C + 2 * normalised, s.B * s.r * (merged * s.C + normalised),
            s.map_bytes(merged) + s.map_bytes(normalised) + s.statistics_bytes());
    }

    int64_t position_parameters(const Sizes& s) const {
        switch (config_.position_bias) {
            case PositionBias::none: return 0;
            case PositionBias::table: return s.R * s.heads;
            default: return cpb_hidden * (3 + s.heads);
        }
    }

    // Of a network: coordinates, its hidden layer (by the paper's formula, where it is three operations, before and
    // after ReLU) and what it puts out.
    int64_t position_saved(const Sizes& s) const {
        if (config_.position_bias == PositionBias::none || config_.position_bias == PositionBias::table) return 0;
        const int64_t hidden = cpb_hidden * (config_.cpb_formula == CpbFormula::paper ? 2 : 1);
        return s.R * (2 + hidden + s.heads) * s.bytes;
    }

    // Saves its input and qkv, of padded tokens too. Sequential attention saves qkv of the map's tokens alone, with
    // what padding has for it, if that is no parameter; its result; and a number for each token and head.
    void attention(const std::string& name, const Sizes& s) {
        const int64_t scales = config_.attention == AttentionKind::cosine ? s.heads : 0;
        const int64_t biases = config_.qkv_bias ? (config_.key_bias ? 3 : 2) * s.C : 0;
        const int64_t padding = s.padded && !config_.key_bias ? 3 * s.C * s.bytes : 0;
        const int64_t by_windows = s.map_bytes(s.C) + s.B * s.nW * s.N * 3 * s.C * s.bytes;
        const int64_t by_tiles = s.map_bytes(5 * s.C) + padding + s.map_bytes(s.heads);
        add(name, s.map(s.C), scales + biases + position_parameters(s) + 4 * s.C * s.C + s.C,
            s.B * (s.r * 4 * s.C * s.C + s.nW * 2 * s.N * s.N * s.C),
            (config_.sequential_attention ? by_tiles : by_windows) + position_saved(s));
    }

    // The norm saves its input, the classifier the pooled map, the loss probabilities and targets.
    void head() {
        const Sizes s = sizes_of(config_.depths.size() - 1);
        const int64_t K = config_.num_classes;
        norm("norm", s);
        add("head.fc", {s.B, K}, s.C * K + K, s.B * s.C * K, s.B * s.C * s.bytes);
        add("loss", {}, 0, 0, 2 * s.B * K * s.bytes);
    }

    const SwinConfig& config_;
    const int64_t batch_, bytes_;
    int64_t block_ = 0;  // of the whole network
    std::vector<LayerCost> layers_;
};

// Throws where a sum might not fit into 63 bits. Padding to whole windows makes of a map at most four times as much.
void check_countable(const SwinConfig& config, int64_t batch) {
    const double pixels = double(config.img_size.rows) * double(config.img_size.columns);
    double most = double(batch) * pixels * double(config.in_chans) * double(config.embed_dim + 8);
    for (size_t i = 0; i < config.depths.size(); ++i) {
        const Extent map = map_of_stage(config, i), window = window_of_stage(config, i);
        const auto C = static_cast<double>(channels_of_stage(config, i)),
                   N = double(window.rows) * double(window.columns);
        const double of_a_token = C * (4 * C + 2 * config.mlp_ratio * C + 2 * N + 8 * (8 + config.mlp_ratio));
        most += 4 * double(batch) * double(map.rows) * double(map.columns) * double(config.depths[i]) * of_a_token;
    }
    check(most < 0x1p62,
          "[costs] a batch of {} is beyond counting: about {:.0e} multiply-adds, at most {:.0e} are possible", batch,
          most, 0x1p62);
}

}  // namespace

Extent window_of_stage(const SwinConfig& config, size_t index) {
    const Extent map = map_of_stage(config, index), window = config.window_size[index];
    return {std::min(window.rows, map.rows), std::min(window.columns, map.columns)};
}

std::vector<LayerCost> layer_costs(const SwinConfig& config, int64_t batch, DType dtype) {
    validate(config);
    check(batch >= 1 && batch <= 1'000'000, "[costs] the batch must be 1 to 1000000, got {}", batch);
    check_countable(config, batch);
    return Counter(config, batch, dtype).count();
}

LayerCost total_cost(const std::vector<LayerCost>& layers) {
    LayerCost total{"total", {}, 0, 0, 0};
    for (const LayerCost& layer : layers) {
        total.parameters += layer.parameters;
        total.multiply_adds += layer.multiply_adds;
        total.saved_bytes += layer.saved_bytes;
    }
    return total;
}

}  // namespace swingrad
