// Gradient accumulation. The loss of a batch is the mean over its samples, so for n batches of B samples each
//
//   d/dw (1 / (n B)) sum of all losses  =  (1 / n) sum over batches of  d/dw (1 / B) sum of the batch's losses
//
// and the mean of the batches' gradients is the gradient of one batch of n B samples. What looks across a batch, such
// as batch norm, still sees B samples.
// Numerics: added in the batches' order, element by element, and divided once at the end: no bits depend on the number
// of threads. In mixed precision gradients arrive in bfloat16, eight bits each; added up in bfloat16, a sum of 256 of
// them would not grow any more. So the sum is float32, and its mean is rounded to bfloat16 once.
// The kernels are in cuda/optim/mean_gradient.cu. Test: tests/train/loop/test_accumulation.cpp.

#include "train/optim/mean_gradient.h"

#include "cuda/optim/mean_gradient.h"
#include "train/optim/flat.h"

namespace swingrad {

MeanGradient::MeanGradient(const Parameters& parameters)
    : parameters_(parameters), sums_(parameters.values().zeros_like(parameters.values().shape())) {}

void MeanGradient::begin() const {
    sums_.fill_zero();
    if (loss_.defined()) loss_.fill_zero();
}

void MeanGradient::add() const {
    dispatch_float("mean_gradient", sums_.dtype(), [&]<class T>(T) {
        T* sums = sums_.data<T>();
        for_each(stretches(parameters_), [&](const Stretch& stretch) {
            with_gradients<T>(parameters_, stretch, [&]<class G>(G* g) {
                for (int64_t i = 0; i < stretch.end - stretch.begin; ++i) {
                    sums[stretch.begin + i] += static_cast<T>(widen(g[i]));
                    g[i] = static_cast<G>(0.0f);  // what the next batch's is added to
                }
            });
        });
    });
}

void MeanGradient::finish(int64_t batches) const {
    dispatch_float("mean_gradient", sums_.dtype(), [&]<class T>(T) {
        const T* sums = sums_.data<T>();
        for_each(stretches(parameters_), [&](const Stretch& stretch) {
            with_gradients<T>(parameters_, stretch, [&]<class G>(G* g) {
                for (int64_t i = 0; i < stretch.end - stretch.begin; ++i)
                    g[i] = static_cast<G>(static_cast<acc_type<G>>(sums[stretch.begin + i] / static_cast<T>(batches)));
            });
        });
    });
}

void MeanGradient::add_by(const cuda::FlatTable& table, const Tensor& loss) {
    if (!loss_.defined()) loss_ = loss.zeros_like({1});
    dispatch_float("mean_gradient", sums_.dtype(), [&]<class T>(T) {
        cuda::add_gradients(table, parameters_.gradients().device_data<T>(),
                            device_data_or_null<bfloat16>(parameters_.copies_gradients()), sums_.device_data<T>());
    });
    dispatch_float("mean_gradient", loss.dtype(),
                   [&]<class W>(W) { cuda::add_loss(loss.device_data<W>(), loss_.device_data<W>()); });
}

const Tensor& MeanGradient::finish_by(const cuda::FlatTable& table, const cuda::StepControl* control) const {
    dispatch_float("mean_gradient", sums_.dtype(), [&]<class T>(T) {
        cuda::finish_gradients(table, control, sums_.device_data<T>(), parameters_.gradients().device_data<T>(),
                               device_data_or_null<bfloat16>(parameters_.copies_gradients()));
    });
    dispatch_float("mean_gradient", loss_.dtype(),
                   [&]<class W>(W) { cuda::finish_loss(control, loss_.device_data<W>()); });
    return loss_;
}

}  // namespace swingrad
