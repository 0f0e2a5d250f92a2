#include "train/run/device_steps.h"

#include "cuda/gradient_norm.h"

namespace swingrad {

DeviceSteps::DeviceSteps(const Parameters& parameters, double max_norm)
    : parameters_(parameters),
      table_(parameters),
      max_norm_(max_norm),
      norm_(Tensor::empty({1}, DType::float64, Device::cuda)) {}

void DeviceSteps::finish(const Tensor& logits, const Tensor& labels, const Tensor& loss, Optimiser& optimiser,
                         const std::function<double(int64_t)>& learning_rate) {
    const int64_t B = logits.shape()[0], K = logits.shape()[1];
    if (unread_ == 0) {
        cuda::StepControl control;
        for (int64_t i = 0; i < cuda::most_unread_steps; ++i) control.learning_rates[i] = learning_rate(i);
        control_.write(control);
    }
    if (!hits_.defined()) hits_ = Tensor::empty({B}, DType::int32, Device::cuda);
    const auto hits = hits_.device_data<int32_t>();
    dispatch_kernel("train", logits.dtype(), [&]<class T>(T) {
        cuda::count_hits(B, K, logits.device_data<T>(), labels.device_data<int64_t>(), hits);
    });
    dispatch_float("train", loss.dtype(), [&]<class W>(W) {
        cuda::gradient_norm(table_.current(), parameters_.gradients().device_data<W>(),
                            device_data_or_null<bfloat16>(parameters_.copies_gradients()), norm_.device_data<double>());
        cuda::close_step(loss.device_data<W>(), norm_.device_data<double>(), B, hits, max_norm_, control_.data());
    });
    optimiser.step_by(control_.data());
    ++unread_;
}

std::vector<cuda::StepRecord> DeviceSteps::read() {
    if (unread_ == 0) return {};
    const cuda::StepControl control = control_.read();
    const std::vector<cuda::StepRecord> records(control.records, control.records + unread_);
    unread_ = 0;
    return records;
}

}  // namespace swingrad
