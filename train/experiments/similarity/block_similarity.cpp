#include "train/experiments/similarity/block_similarity.h"

#include "train/experiments/harness/stream.h"
#include "train/experiments/similarity/token_pairs.h"

#include <numeric>

namespace swingrad {
namespace {

using nlohmann::json;

json as_json(const TokenSimilarity& similarity) {
    return {{"near", similarity.near}, {"far", similarity.far}, {"same", similarity.same}, {"other", similarity.other}};
}

double product(const std::vector<double>& a, const std::vector<double>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// What the stream of a stage is the sum of, with pre-norm: what came into it, all that attentions added, and all that
// MLPs did, the rest. Each part's share of the sum's squared length is its product with the sum; they add up to 1.
class Parts {
  public:
    void begin(const Tensor& x) { start_ = x.on_cpu().values(), attention_.assign(start_.size(), 0); }
    void add_attention(const Tensor& y) {
        const std::vector<double> values = y.on_cpu().values();
        if (values.size() != attention_.size()) return;  // of a stage that is not looked at
        for (size_t i = 0; i < values.size(); ++i) attention_[i] += values[i];
    }
    json shares_of(const Tensor& x) const {
        const std::vector<double> sum = x.on_cpu().values();
        const double square = product(sum, sum), start = product(sum, start_) / square,
                     attention = product(sum, attention_) / square;
        return {{"start", start}, {"attention", attention}, {"mlp", 1 - start - attention}};
    }

  private:
    std::vector<double> start_, attention_;
};

}  // namespace

json similarity_of_blocks(const SwinV2& model, const Tensor& images, const std::vector<int64_t>& labels) {
    json blocks = json::array(), attention;
    Parts parts;
    const bool adds_as_it_is = model.config().norm == NormPlacement::pre;
    ForwardOptions options;
    options.observe_attention = [&](int64_t, const WindowAttention& layer, const Tensor& x) {
        const Tensor y = layer.forward(x);
        attention = {{"taken", as_json(similarity_of(x, labels, true))},
                     {"given", as_json(similarity_of(y, labels, true))}};
        parts.add_attention(y);
    };
    options.observe = [&](std::string_view name, const Tensor& x) {
        if (name.ends_with(".downsample")) parts.begin(x);
        if (name.find(".blocks.") == std::string_view::npos) return;
        json block = attention;
        if (adds_as_it_is && !name.starts_with("layers.0.")) block["parts"] = parts.shares_of(x);
        block["block"] = name;
        block["amplitude"] = statistics_of(std::string(name), x).amplitude;
        block["stream"] = as_json(similarity_of(x, labels, false));
        block["centred"] = as_json(similarity_of(x, labels, true));
        blocks.push_back(block);
    };
    const NoGrad no_recording;
    model.forward(model.as_input(images), options);
    return blocks;
}

}  // namespace swingrad
