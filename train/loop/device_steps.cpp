#include "train/loop/device_steps.h"

#include "core/allocator.h"
#include "cuda/loss/count_correct.h"
#include "cuda/optim/gradient_norm.h"
#include "ops/ops.h"

#include <algorithm>

namespace swingrad {

DeviceSteps::DeviceSteps(const SwinV2& model, const Parameters& parameters, Optimiser& optimiser, const Recipe& recipe)
    : model_(model),
      parameters_(parameters),
      optimiser_(optimiser),
      label_smoothing_(recipe.label_smoothing),
      max_norm_(recipe.clip_grad),
      capturable_(model.config().drop_rate == 0 && model.config().proj_drop_rate == 0),
      table_(parameters),
      norm_(Tensor::empty({1}, DType::float64, Device::cuda)) {
    const auto [rows, columns] = model.config().img_size;
    const std::vector<double> rates = model.drop_path_rates();
    const auto count = static_cast<int64_t>(rates.size());
    images_ = Tensor::empty({recipe.batch_size, rows, columns, model.config().in_chans}, model.dtype(), Device::cuda);
    labels_ = Tensor::empty({recipe.batch_size}, DType::int64, Device::cuda);
    rates_ = Tensor::from({count}, rates).on(Device::cuda);
    if (std::any_of(rates.begin(), rates.end(), [](double rate) { return rate > 0; }))
        keeps_ = Tensor::empty({count, recipe.batch_size}, acc_dtype(model.dtype()), Device::cuda);
}

void DeviceSteps::take(const Batch& batch, const Random& random, const std::function<double(int64_t)>& learning_rate) {
    if (unread_ == 0) {
        cuda::StepControl control;
        for (int64_t i = 0; i < cuda::most_unread_steps; ++i) control.learning_rates[i] = learning_rate(i);
        control_.write(control);
    }
    write_inputs(batch, random);
    if (warm_ && capturable_) {
        if (!capture_) {
            release_cached(Device::cuda);  // the capture has memory of its own
            capture_ = std::make_unique<cuda::Graph>([&] { compute(random); });
        }
        capture_->launch();
    } else {
        compute(random);
        warm_ = true;
    }
    ++unread_;
}

void DeviceSteps::write_inputs(const Batch& batch, const Random& random) {
    if (images_.dtype() == batch.images.dtype()) images_.copy_from(batch.images);
    else
        memory_of(Device::cuda)
            .convert(images_.address(), images_.dtype(), batch.images.address(), batch.images.dtype(), images_.numel());
    labels_.copy_from(batch.labels);
    if (!keeps_.defined()) return;
    dispatch_float("train", keeps_.dtype(), [&]<class W>(W) {
        cuda::draw_keeps(keeps_.shape()[0], keeps_.shape()[1], rates_.device_data<double>(), random,
                         keeps_.device_data<W>());
    });
}

void DeviceSteps::compute(const Random& random) {
    parameters_.zero_grad();
    Tape tape;
    ForwardOptions options;
    options.training = true;
    options.random = random;
    options.keeps = keeps_;
    const Tensor logits = model_.forward(images_, options);
    const Tensor loss = cross_entropy(logits, labels_, label_smoothing_);
    tape.backward(loss);

    const int64_t B = logits.shape()[0], K = logits.shape()[1];
    dispatch_any_float("train", logits.dtype(), [&]<class T>(T) {
        cuda::count_correct(B, K, logits.device_data<T>(), labels_.device_data<int64_t>(), &control_.data()->correct);
    });
    dispatch_float("train", loss.dtype(), [&]<class W>(W) {
        cuda::gradient_norm(table_.current(), parameters_.gradients().device_data<W>(),
                            device_data_or_null<bfloat16>(parameters_.copies_gradients()), norm_.device_data<double>());
        cuda::close_step(loss.device_data<W>(), norm_.device_data<double>(), max_norm_, control_.data());
    });
    optimiser_.step_by(control_.data());
}

std::vector<cuda::StepRecord> DeviceSteps::read() {
    if (unread_ == 0) return {};
    const cuda::StepControl control = control_.read();
    const std::vector<cuda::StepRecord> records(control.records, control.records + unread_);
    unread_ = 0;
    return records;
}

void DeviceSteps::forget_capture() { capture_.reset(); }

}  // namespace swingrad
