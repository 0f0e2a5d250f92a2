#include "models/nn/layers.h"

#include "cuda/optim/training_step.h"

namespace swingrad {

Linear::Linear(int64_t inputs, int64_t outputs, const LinearOptions& options) {
    check(inputs > 0 && outputs > 0, "[linear] a layer needs inputs and outputs, got {} and {}", inputs, outputs);
    const Init usual = Init::uniform_by_fan_in(inputs);
    declare("weight", weight, {outputs, inputs}, options.weight_init.value_or(usual), Decay::yes, Precision::mixed);
    if (options.bias) declare("bias", bias, {outputs}, options.bias_init.value_or(usual));
}

LayerNorm::LayerNorm(int64_t channels, double start) {
    declare("weight", weight, {channels}, Init::constant(start));
    declare("bias", bias, {channels}, Init::constant(0));
}

Mlp::Mlp(int64_t channels, int64_t hidden, const LinearOptions& options)
    : fc1(channels, hidden, options), fc2(hidden, channels, options) {
    declare("fc1", fc1);
    declare("fc2", fc2);
}

namespace {

double valid_rate(const char* layer, double rate) {
    check(rate >= 0 && rate < 1, "[{}] the rate must be in [0, 1), got {}", layer, rate);
    return rate;
}

}  // namespace

Dropout::Dropout(double rate) : rate_(valid_rate("dropout", rate)) {}

Tensor Dropout::forward(const Tensor& x) const {
    if (!training()) return x;
    return drawn_ahead() ? dropout(x, rate_, drawn_) : dropout(x, rate_, random());
}

// The mask itself need not be drawn ahead: it follows from two numbers.
void Dropout::draw_ahead(int64_t, DType, Device device) {
    if (rate_ == 0 || device != Device::cuda) return;
    if (!drawn_.defined()) drawn_ = Tensor::empty({2}, DType::int64, device);
    cuda::write_random(random(), drawn_.device_data<int64_t>());
    note_drawn_ahead();
}

DropPath::DropPath(double rate) : rate_(valid_rate("drop_path", rate)) {}

Tensor DropPath::forward(const Tensor& x) const {
    if (!training() || rate_ == 0) return x;
    check(x.shape().rank() > 0, "[drop_path] x must be [B, ...], got {}", x.shape());
    return drop_path(x, drawn_ahead() ? keep_ : draw(x.shape()[0], x.dtype(), x.device()));
}

Tensor DropPath::draw(int64_t batch, DType dtype, Device device) const {
    return drop_path_keep(batch, rate_, random(), acc_dtype(dtype), device);
}

void DropPath::draw_ahead(int64_t batch, DType dtype, Device device) {
    if (rate_ == 0) return;
    const Tensor drawn = draw(batch, dtype, device);
    if (keep_.defined() && keep_.shape() == drawn.shape()) keep_.copy_from(drawn);
    else keep_ = drawn;
    note_drawn_ahead();
}

}  // namespace swingrad
