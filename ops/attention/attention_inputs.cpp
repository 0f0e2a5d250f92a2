#include "ops/attention/attention_inputs.h"

#include "core/operands.h"
#include "cuda/attention/window_attention.h"

namespace swingrad {

Tensor padding_of(const Tensor& x, const Tensor& qkv_bias, const WindowTable& map) {
    if (!map.has_padding) return {};
    return qkv_bias.defined() ? qkv_bias : Tensor::zeros({3 * x.shape()[3]}, acc_dtype(x.dtype()), x.device());
}

void check_scores(std::string_view op, int64_t C, int64_t heads, const Tensor& logit_scale, const Tensor& table,
                  const WindowTable& map) {
    check(heads > 0 && C % heads == 0, "[{}] {} channels do not divide into {} heads", op, C, heads);
    check(!logit_scale.defined() || logit_scale.shape() == Shape{heads, 1, 1},
          "[{}] logit_scale must be [{}, 1, 1], got {}", op, heads, logit_scale.shape());
    check(!table.defined() || table.shape() == Shape{map.offsets(), heads},
          "[{}] the table of a {} x {} window must be [{}, {}], got {}", op, map.window.rows, map.window.columns,
          map.offsets(), heads, table.shape());
}

void AttentionInputs::check(std::string_view op) const {
    const Extent extent = map->map;
    swingrad::check(qkv.shape().rank() == 4 && qkv.shape()[1] == extent.rows && qkv.shape()[2] == extent.columns &&
                        qkv.shape()[3] % 3 == 0,
                    "[{}] qkv must be [B, {}, {}, 3C], got {}", op, extent.rows, extent.columns, qkv.shape());
    const int64_t C = qkv.shape()[3] / 3;
    check_scores(op, C, heads, logit_scale, table, *map);
    swingrad::check(padding.defined() || !map->has_padding,
                    "[{}] a {} x {} map with windows of {} x {} has padding, so `padding` [{}] is needed", op,
                    extent.rows, extent.columns, map->window.rows, map->window.columns, 3 * C);
    swingrad::check(!padding.defined() || padding.shape() == Shape{3 * C}, "[{}] padding must be [{}], got {}", op,
                    3 * C, padding.shape());
    check_one_device(op, {{"qkv", qkv}, {"padding", padding}, {"logit_scale", logit_scale}, {"table", table}});
}

AttentionGradients::AttentionGradients(const AttentionInputs& inputs) : qkv(inputs.qkv.empty_like(inputs.qkv.shape())) {
    const auto zeros = [&](const Shape& shape) { return Tensor::zeros(shape, acc_dtype(qkv.dtype()), qkv.device()); };
    padding = zeros({qkv.shape()[3]});
    logit_scale = zeros({inputs.heads, 1, 1});
    table = zeros({inputs.map->offsets(), inputs.heads});
}

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

// ---- on a device

namespace {

cuda::AttentionSizes sizes_of(std::string_view op, const AttentionInputs& inputs) {
    const WindowTable& map = *inputs.map;
    const auto lists = map.on_device();
    const int64_t C = inputs.qkv.shape()[3] / 3, D = C / inputs.heads;
    check(D <= cuda::most_head_columns, "[{}] a head has at most {} columns on {}, got {}", op, cuda::most_head_columns,
          name_of(inputs.qkv.device()), D);
    return {.images = inputs.qkv.shape()[0],
            .windows = map.windows,
            .map_tokens = map.map.rows * map.map.columns,
            .N = map.tokens,
            .C = C,
            .heads = inputs.heads,
            .D = D,
            .window_rows = map.window.rows,
            .window_columns = map.window.columns,
            .offsets = map.offsets(),
            .padded = map.padded_tokens(),
            .source = lists.source,
            .region = lists.region,
            .place = lists.place,
            .centre = map.centre};
}

}  // namespace

void attend_on_device(std::string_view op, const AttentionInputs& inputs, const Tensor& y, const Tensor& log_sums) {
    dispatch_any_float(op, y.dtype(), [&]<class T>(T) {
        using W = acc_type<T>;
        cuda::window_attention_forward(sizes_of(op, inputs), inputs.qkv.device_data<T>(),
                                       device_data_or_null<W>(inputs.padding),
                                       device_data_or_null<W>(inputs.logit_scale), device_data_or_null<W>(inputs.table),
                                       y.device_data<T>(), log_sums.device_data<W>());
    });
}

void attend_backward_on_device(std::string_view op, const AttentionInputs& inputs, const Tensor& y,
                               const Tensor& log_sums, const Tensor& dy, const AttentionGradients& gradients) {
    dispatch_any_float(op, y.dtype(), [&]<class T>(T) {
        using W = acc_type<T>;
        cuda::window_attention_backward(
            sizes_of(op, inputs), inputs.qkv.device_data<T>(), device_data_or_null<W>(inputs.padding),
            device_data_or_null<W>(inputs.logit_scale), device_data_or_null<W>(inputs.table), y.device_data<T>(),
            log_sums.device_data<W>(), dy.device_data<T>(), gradients.qkv.device_data<T>(),
            gradients.padding.device_data<W>(), gradients.logit_scale.device_data<W>(),
            gradients.table.device_data<W>());
    });
}

}  // namespace swingrad
