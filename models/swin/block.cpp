#include "models/swin/block.h"

#include "autograd/checkpoint.h"

namespace swingrad {
namespace {

// Norms at the ends of residual branches start at 0, so that every block starts as the identity. Any other norm would
// leave nothing of what goes through it.
double start_of_norm(NormPlacement placement) {
    return placement == NormPlacement::res_post || placement == NormPlacement::sandwich ? 0 : 1;
}

int64_t hidden_of(const SwinConfig& model, int64_t channels) {
    return static_cast<int64_t>(static_cast<double>(channels) * model.mlp_ratio);
}

}  // namespace

Tensor dropped(const Tensor& x, double rate, const ForwardOptions& options, int64_t number) {
    if (!options.training || rate == 0) return x;
    if (options.dropouts.defined()) return dropout(x, rate, options.dropouts.slice(number, number + 1).view({2}));
    return dropout(x, rate, options.random.split(head_dropout_stream + static_cast<uint64_t>(number)));
}

Block::Block(const SwinConfig& model, const BlockConfig& block)
    : attn(model, block),
      norm1(block.channels, start_of_norm(model.norm)),
      mlp(block.channels, hidden_of(model, block.channels), start_of_linear()),
      norm2(block.channels, start_of_norm(model.norm)),
      placement_(model.norm),
      checkpoint_(model.checkpoint_blocks),
      drop_path_(block.drop_path),
      proj_drop_(model.proj_drop_rate),
      number_(block.number) {
    declare("attn", attn);
    declare("norm1", norm1);
    declare("mlp", mlp);
    declare("norm2", norm2);
    if (placement_ == NormPlacement::sandwich) {
        pre_norm1 = std::make_unique<LayerNorm>(block.channels);
        pre_norm2 = std::make_unique<LayerNorm>(block.channels);
        declare("pre_norm1", *pre_norm1);
        declare("pre_norm2", *pre_norm2);
    }
    if (block.extra_norm) {
        norm3 = std::make_unique<LayerNorm>(block.channels);
        declare("norm3", *norm3);
    }
}

Tensor Block::keep(const Tensor& x, const ForwardOptions& options, int branch) const {
    if (!options.training || drop_path_ == 0) return {};
    const int64_t row = 2 * number_ + branch;
    if (options.keeps.defined()) return options.keeps.slice(row, row + 1).view({x.shape()[0]});
    const Random random = options.random.split(static_cast<uint64_t>(row));
    return drop_path_keep(x.shape()[0], drop_path_, random, acc_dtype(x.dtype()), x.device());
}

Tensor Block::attention_branch(const Tensor& x, const ForwardOptions& options) const {
    if (options.observe_attention) options.observe_attention(number_, attn, x);
    return dropped(attn.forward(x), proj_drop_, options, 1 + 3 * number_);
}

Tensor Block::mlp_branch(const Tensor& x, const ForwardOptions& options) const {
    if (!options.training || proj_drop_ == 0) return mlp.forward(x);
    const int64_t first = 1 + 3 * number_;
    const Tensor y = mlp.forward(x, [&](const Tensor& h) { return dropped(h, proj_drop_, options, first + 1); });
    return dropped(y, proj_drop_, options, first + 2);
}

template <class Branch>
Tensor Block::with_branch(const Tensor& x, const Branch& branch, const LayerNorm& norm, const LayerNorm* pre_norm,
                          const Tensor& keep) const {
    const Tensor in = proj_drop_ == 0 ? branch_samples(x, keep) : x;  // dropout draws by place in the batch
    switch (placement_) {
        case NormPlacement::res_post: return residual_norm(x, branch(in), norm.weight, norm.bias, keep);
        case NormPlacement::sandwich:
            return residual_norm(x, branch(pre_norm->forward(in)), norm.weight, norm.bias, keep);
        case NormPlacement::pre: return residual_add(x, branch(norm.forward(in)), keep);
        case NormPlacement::post: return norm.forward(residual_add(x, branch(in), keep));
    }
    fail("[block] unknown norm placement {}", static_cast<int>(placement_));
}

Tensor Block::compute(const Tensor& x, const ForwardOptions& options) const {
    const auto attend = [&](const Tensor& in) { return attention_branch(in, options); };
    const auto feed = [&](const Tensor& in) { return mlp_branch(in, options); };
    const Tensor attended = with_branch(x, attend, norm1, pre_norm1.get(), keep(x, options, 0));
    const Tensor fed = with_branch(attended, feed, norm2, pre_norm2.get(), keep(x, options, 1));
    return norm3 ? norm3->forward(fed) : fed;
}

Tensor Block::forward(const Tensor& x, const ForwardOptions& options) const {
    // The replay uses the parameters where they are, so their gradients arrive as without it, provided that x needs one
    // itself. It does wherever anything before is trained; where all of that is frozen, the block is computed once, and
    // keeps what its own parameters need. The replay draws the same drop path.
    if (!checkpoint_ || !recording({x})) return compute(x, options);
    return checkpoint([this, options](const std::vector<Tensor>& in) { return compute(in[0], options); }, {x});
}

}  // namespace swingrad
