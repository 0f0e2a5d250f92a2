#include "ops/attention/attention_inputs.h"

#include "core/operands.h"

namespace swingrad {

Tensor padding_of(const Tensor& x, const Tensor& qkv_bias, const WindowTable& map) {
    if (!map.has_padding) return {};
    return qkv_bias.defined() ? qkv_bias : Tensor::zeros({3 * x.shape()[3]}, acc_dtype(x.dtype()), x.device());
}

namespace {

// Throws an Error in the name of `op` unless C channels and what scores are made with fit.
void check_scores(std::string_view op, int64_t C, int64_t heads, const Tensor& logit_scale, const Tensor& bias_table,
                  const WindowTable& map) {
    check(heads > 0 && C % heads == 0, "[{}] {} channels do not divide into {} heads", op, C, heads);
    check(!logit_scale.defined() || logit_scale.shape() == Shape{heads, 1, 1},
          "[{}] logit_scale must be [{}, 1, 1], got {}", op, heads, logit_scale.shape());
    check(!bias_table.defined() || bias_table.shape() == Shape{map.offsets(), heads},
          "[{}] bias_table of a {} x {} window must be [{}, {}], got {}", op, map.window.rows, map.window.columns,
          map.offsets(), heads, bias_table.shape());
}

}  // namespace

void AttentionInputs::check() const {
    const Extent extent = map->map;
    swingrad::check(qkv.shape().rank() == 4 && qkv.shape()[1] == extent.rows && qkv.shape()[2] == extent.columns &&
                        qkv.shape()[3] % 3 == 0,
                    "[{}] qkv must be [B, {}, {}, 3C], got {}", op, extent.rows, extent.columns, qkv.shape());
    const int64_t C = qkv.shape()[3] / 3;
    check_scores(op, C, heads, logit_scale, bias_table, *map);
    swingrad::check(padding.defined() || !map->has_padding,
                    "[{}] a {} x {} map with windows of {} x {} has padding, so `padding` [{}] is needed", op,
                    extent.rows, extent.columns, map->window.rows, map->window.columns, 3 * C);
    swingrad::check(!padding.defined() || padding.shape() == Shape{3 * C}, "[{}] padding must be [{}], got {}", op,
                    3 * C, padding.shape());
    const int64_t D = C / heads;
    swingrad::check(qkv.device() != Device::cuda || D <= cuda::most_head_columns,
                    "[{}] a head has at most {} columns on {}, got {}", op, cuda::most_head_columns,
                    name_of(qkv.device()), D);
    check_one_device(op,
                     {{"qkv", qkv}, {"padding", padding}, {"logit_scale", logit_scale}, {"bias_table", bias_table}});
}

std::vector<Tensor> AttentionInputs::tensors() const {
    if (!logit_scale.defined()) return {qkv, padding, bias_table};
    return {qkv, padding, logit_scale, bias_table};
}

Tensor AttentionInputs::empty_logsumexp() const {
    return Tensor::empty(qkv.shape().with(3, heads), acc_dtype(qkv.dtype()), qkv.device());
}

AttentionInputs AttentionInputs::detached() const {
    return {op, qkv.detached(), padding.detached(), logit_scale.detached(), bias_table.detached(), heads, map};
}

AttentionInputs AttentionInputs::gradients() const {
    const auto zeros = [](const Tensor& input) {
        return input.defined() ? Tensor::zeros(input.shape(), input.dtype(), input.device()) : Tensor();
    };
    return {op, qkv.empty_like(qkv.shape()), zeros(padding), zeros(logit_scale), zeros(bias_table), heads, map};
}

void MultiHeadInputs::check(std::string_view op) const {
    const auto [rows, columns] = map->map;
    swingrad::check(x.shape().rank() == 4 && x.shape()[1] == rows && x.shape()[2] == columns,
                    "[{}] x must be [B, {}, {}, C], got {}", op, rows, columns, x.shape());
    const int64_t C = x.shape()[3];
    swingrad::check(C > 0, "[{}] x must have channels, got {}", op, x.shape());
    const auto must_be = [&](const Shape& shape, std::string_view name, const Tensor& tensor) {
        swingrad::check(tensor.shape() == shape, "[{}] {} must be {}, got {}", op, name, shape, tensor.shape());
    };
    must_be({3 * C, C}, "qkv_weight", qkv_weight);
    if (qkv_bias.defined()) must_be({3 * C}, "qkv_bias", qkv_bias);
    check_scores(op, C, heads, logit_scale, bias_table, *map);
    must_be({C, C}, "proj_weight", proj_weight);
    must_be({C}, "proj_bias", proj_bias);
    check_one_device(op, {{"x", x},
                          {"qkv_weight", qkv_weight},
                          {"qkv_bias", qkv_bias},
                          {"logit_scale", logit_scale},
                          {"bias_table", bias_table},
                          {"proj_weight", proj_weight},
                          {"proj_bias", proj_bias}});
}

MultiHeadInputs MultiHeadInputs::kept() const {
    return {x.detached(),
            qkv_weight.detached(),
            {},
            logit_scale.detached(),
            bias_table.detached(),
            proj_weight.detached(),
            {},
            heads,
            map};
}

std::vector<Tensor> MultiHeadInputs::gradients(const NeedsInputGrad& needs_input_grad) const {
    const int64_t C = x.shape()[3];
    const std::vector<Shape> shapes{x.shape(), {3 * C, C}, {3 * C}, {heads, 1, 1}, {map->offsets(), heads},
                                    {C, C},    {C}};
    std::vector<Tensor> all(shapes.size());
    for (size_t i = 0; i < all.size(); ++i) {
        if (!needs_input_grad[i]) continue;
        const bool is_factor = i == 0 || i == 1 || i == 5, is_score = i == 3 || i == 4;
        const DType dtype = is_factor ? x.dtype() : acc_dtype(x.dtype());
        all[i] = is_score ? Tensor::zeros(shapes[i], dtype, x.device()) : Tensor::empty(shapes[i], dtype, x.device());
    }
    return all;
}

}  // namespace swingrad
