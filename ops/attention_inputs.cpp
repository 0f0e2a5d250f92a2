#include "ops/attention_inputs.h"

namespace swingrad {

void AttentionInputs::check(std::string_view op) const {
    const Extent extent = map->map;
    swingrad::check(qkv.shape().rank() == 4 && qkv.shape()[1] == extent.rows && qkv.shape()[2] == extent.columns &&
                        qkv.shape()[3] % 3 == 0,
                    "[{}] qkv must be [B, {}, {}, 3C], got {}", op, extent.rows, extent.columns, qkv.shape());
    const int64_t C = qkv.shape()[3] / 3;
    swingrad::check(heads > 0 && C % heads == 0, "[{}] {} channels do not divide into {} heads", op, C, heads);
    swingrad::check(!logit_scale.defined() || logit_scale.shape() == Shape{heads, 1, 1},
                    "[{}] logit_scale must be [{}, 1, 1], got {}", op, heads, logit_scale.shape());
    swingrad::check(!table.defined() || table.shape() == Shape{map->offsets(), heads},
                    "[{}] the table of a {} x {} window must be [{}, {}], got {}", op, map->window.rows,
                    map->window.columns, map->offsets(), heads, table.shape());
    swingrad::check(padding.defined() || !map->has_padding,
                    "[{}] a {} x {} map with windows of {} x {} has padding, so `padding` [{}] is needed", op,
                    extent.rows, extent.columns, map->window.rows, map->window.columns, 3 * C);
    swingrad::check(!padding.defined() || padding.shape() == Shape{3 * C}, "[{}] padding must be [{}], got {}", op,
                    3 * C, padding.shape());
}

AttentionGradients::AttentionGradients(const AttentionInputs& inputs)
    : qkv(Tensor::empty(inputs.qkv.shape(), inputs.qkv.dtype())),
      padding(Tensor::zeros({inputs.qkv.shape()[3]}, inputs.qkv.dtype())),
      logit_scale(Tensor::zeros({inputs.heads, 1, 1}, inputs.qkv.dtype())),
      table(Tensor::zeros({inputs.map->offsets(), inputs.heads}, inputs.qkv.dtype())) {}

std::vector<Tensor> AttentionInputs::tensors() const {
    if (!logit_scale.defined()) return {qkv, padding, table};
    return {qkv, padding, logit_scale, table};
}

std::vector<Tensor> AttentionGradients::of(const AttentionInputs& inputs) const {
    const Tensor dpadding = inputs.padding.defined() ? padding : Tensor();
    const Tensor dtable = inputs.table.defined() ? table : Tensor();
    if (!inputs.logit_scale.defined()) return {qkv, dpadding, dtable};
    return {qkv, dpadding, logit_scale, dtable};
}

}  // namespace swingrad
