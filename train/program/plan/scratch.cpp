#include "train/program/plan/scratch.h"

#include "core/gemm/gemm.h"
#include "core/gemm/product_kernels.h"
#include "models/swin/costs.h"
#include "models/swin/swin_v2.h"
#include "ops/sum_by_groups.h"

#include <algorithm>
#include <string>

namespace swingrad {
namespace {

constexpr int64_t single = 4;   // bytes of what sums are kept in
constexpr int64_t vector = 16;  // numbers that rows are padded to
constexpr int64_t panel = 48;   // columns of a packed panel, with AVX-512; fewer elsewhere
constexpr int64_t tile = 64;    // of sequential attention

int64_t rounded(int64_t count, int64_t to) { return (count + to - 1) / to * to; }

// What a node keeps under that name; undefined where it does not.
Tensor kept(const Node& node, std::string_view name) {
    for (const Saved& saved : node.saved())
        if (saved.name == name) return saved.tensor;
    return {};
}

int64_t rows_of(const Tensor& x) { return x.numel() / std::max<int64_t>(1, x.shape()[-1]); }

}  // namespace

bool is_packed(const Parameters::Entry& entry) {
    return entry.shape.rank() == 2 && !entry.is_table && entry.name.find("cpb_mlp") == std::string::npos &&
           !entry.name.ends_with("bias_table");
}

size_t packed_weight_bytes(int64_t outputs, int64_t inputs, DType dtype, bool pairs) {
    // Forward's has `outputs` columns, backward's `inputs`: the mean of the two, each filled up to whole panels.
    const int64_t numbers = (rounded(outputs, panel) * inputs + rounded(inputs, panel) * outputs) / 2;
    return static_cast<size_t>(numbers * (dtype == DType::bfloat16 && pairs ? 2 : single));
}

Scratch::Scratch(const SwinConfig& config, DType dtype, int threads, bool packed_before)
    : dtype_(dtype),
      element_(dtype == DType::bfloat16 ? 2 : single),
      threads_(threads),
      packed_before_(packed_before),
      pairs_(multiplies_bfloat16()) {
    for (size_t i = 0; i < config.depths.size(); ++i) {
        const Extent window = window_of_stage(config, i);
        stages_[channels_of_stage(config, i)] = {config.num_heads[i], window.rows * window.columns};
    }
}

const Scratch::Stage& Scratch::stage_of(int64_t channels) const {
    const auto found = stages_.find(channels);
    check(found != stages_.end(), "[plan] no stage has {} channels", channels);
    return found->second;
}

size_t Scratch::packed(const Tensor& weight) const {
    if (packed_before_ || !weight.defined()) return 0;
    return packed_weight_bytes(weight.shape()[0], weight.shape()[1], dtype_, pairs_);
}

// AttentionHead's memory: attention_head_fast.h.
size_t Scratch::attention_head(int64_t C, const Stage& stage) const {
    const int64_t L = rounded(stage.tokens, vector), D = rounded(C / stage.heads, vector);
    return static_cast<size_t>(single * (7 * L * D + 4 * L * L + 5 * L));
}

// SequentialHead's: sequential_head_fast.h.
size_t Scratch::sequential_head(int64_t C, const Stage& stage) const {
    const int64_t N = rounded(stage.tokens, tile), D = rounded(C / stage.heads, vector);
    return static_cast<size_t>(single * (9 * N * D + 4 * tile * tile + 2 * D * tile + 8 * N));
}

size_t Scratch::forward(const Node& node) const {
    const std::string_view name = node.name();
    if (name == "mlp") {
        const Tensor x = kept(node, "x"), weight1 = kept(node, "weight1");
        const int64_t rows = rows_of(x), U = weight1.shape()[0];
        const int64_t pieces = few_rows(rows) ? rows : threads_ * rows_a_piece(rows);
        return static_cast<size_t>(pieces * U * element_) + packed(weight1) + packed(kept(node, "weight2"));
    }
    if (name == "multi_head_attention") {
        const Tensor x = kept(node, "x");
        const int64_t C = x.shape()[-1], rows = rows_of(x);
        const Stage& stage = stage_of(C);
        const bool at_once = few_rows(rows) || rows / stage.tokens < 8;
        const int64_t pieces = at_once ? rows : threads_ * std::max(stage.tokens, rows_a_piece(rows));
        const int64_t bias = stage.heads * stage.tokens * rounded(stage.tokens, vector);
        return static_cast<size_t>(pieces * 2 * C * element_ + bias * single) +
               static_cast<size_t>(threads_) * attention_head(C, stage) + packed(kept(node, "qkv_weight")) +
               packed(kept(node, "proj_weight"));
    }
    if (name == "sequential_attention") {
        const int64_t C = kept(node, "y").shape()[-1];
        return static_cast<size_t>(threads_) * sequential_head(C, stage_of(C));
    }
    return name == "linear" ? packed(kept(node, "weight")) : 0;
}

size_t Scratch::backward(const Node& node) const {
    const std::string_view name = node.name();
    if (name == "mlp") {
        const Tensor x = kept(node, "x"), weight1 = kept(node, "weight1"), weight2 = kept(node, "weight2");
        const int64_t C = x.shape()[-1], U = weight1.shape()[0], groups = groups_of_weights(rows_of(x), C);
        const int64_t width = U * C + U + weight2.numel() + weight2.shape()[0];
        return static_cast<size_t>(groups * width * single +
                                   std::min(threads_, groups) * 2 * gemm_rows * U * element_) +
               packed(weight1) + packed(weight2);
    }
    if (name == "multi_head_attention") {
        const Tensor x = kept(node, "x");
        const int64_t C = x.shape()[-1], groups = groups_of_weights(rows_of(x), C);
        const Stage& stage = stage_of(C);
        const int64_t scores = stage.heads * stage.tokens * rounded(stage.tokens, vector);
        const int64_t width = 4 * C * C + 4 * C + scores + stage.heads;
        const int64_t piece = std::max(stage.tokens, gemm_rows) * 6 * C * element_;
        return static_cast<size_t>((2 * scores + groups * width) * single + std::min(threads_, groups) * piece) +
               static_cast<size_t>(threads_) * attention_head(C, stage) + packed(kept(node, "qkv_weight")) +
               packed(kept(node, "proj_weight"));
    }
    if (name == "sequential_attention") {
        const Tensor y = kept(node, "y"), table = kept(node, "bias_table");
        const int64_t C = y.shape()[-1];
        const Stage& stage = stage_of(C);
        const int64_t groups = sum_groups(rows_of(y) * stage.heads),
                      width = (table.defined() ? table.numel() : 0) + stage.heads + 3 * C;
        return static_cast<size_t>(groups * width * single) +
               static_cast<size_t>(std::min(threads_, groups)) * sequential_head(C, stage);
    }
    if (name == "linear") {  // dweight is summed in groups where it is smaller than its factors (core/gemm/gemm.cpp)
        const Tensor x = kept(node, "x"), weight = kept(node, "weight");
        const int64_t O = weight.shape()[0], I = weight.shape()[1], rows = rows_of(x);
        const int64_t groups = O * I < rows * std::min(O, I) ? sum_groups(rows) : 1;
        const size_t sums = static_cast<size_t>((groups - 1) * O * I * single);
        const size_t rounded_sums = dtype_ == DType::bfloat16 ? static_cast<size_t>(O * I * single) : 0;
        const size_t factor = packed_weight_bytes(I, groups == 1 ? rows : threads_ * (rows / groups), dtype_, pairs_);
        return std::max(packed(weight), sums + rounded_sums + factor);
    }
    if (name == "patch_embedding") {
        const Tensor weight = kept(node, "weight");
        const int64_t C = weight.shape()[0], J = weight.numel() / C,
                      patches = kept(node, "images").numel() / std::max<int64_t>(1, J);
        return static_cast<size_t>((sum_groups(patches) * (C * J + C) + C * J) * single +
                                   threads_ * gemm_rows * J * element_);
    }
    return 0;
}

}  // namespace swingrad
