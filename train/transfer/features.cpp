#include "train/transfer/features.h"

#include "core/device.h"
#include "train/data/loader.h"
#include "train/loop/trainer.h"

#include <algorithm>
#include <numeric>

namespace swingrad {

Tensor features_of(SwinV2& model, const Parameters& parameters, const Samples& samples, int64_t batch_size,
                   const std::function<void(int64_t done)>& after_batch,
                   const std::function<void(std::string_view name, const Tensor& value)>& observe) {
    const NoGrad no_recording;
    model.eval();
    const int64_t n = samples.size(), C = channels_of_stage(model.config(), model.config().depths.size() - 1);
    const DType dtype = parameters.dtype() == DType::float64 ? DType::float64 : DType::float32;
    Tensor all = Tensor::empty({n, C}, dtype);
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    Loader batches = batches_of(samples, std::move(order), batch_size, false, std::nullopt, parameters.device());
    ForwardOptions options;
    options.observe = observe;
    int64_t done = 0;
    while (const auto batch = batches.next()) {
        const Tensor computed = model.features(parameters.as_input(batch->inputs), options).on_cpu().to(dtype);
        const int64_t at = first_not_finite(computed);
        check(at == computed.numel(), "[features] sample {} has {} as feature {}", done + at / C,
              computed.subrange(std::min(at, computed.numel() - 1), {}).item(), at % C);
        const int64_t count = computed.shape()[0];
        all.slice(done, done + count).copy_from(computed);
        done += count;
        if (after_batch) after_batch(done);
    }
    return all;
}

FeatureSamples::FeatureSamples(ImageSamples images, Tensor features)
    : images_(std::move(images)), features_(std::move(features)) {
    check(features_.shape().rank() == 2 && features_.shape()[0] == images_.size(),
          "[features] {} images have features {}", images_.size(), features_.shape());
}

Batch FeatureSamples::batch(std::span<const int64_t> indices, const Random*) const {
    const int64_t count = static_cast<int64_t>(indices.size()), C = features_.shape()[1];
    Batch batch{Tensor::empty({count, C}, features_.dtype()), Tensor::empty({count}, DType::int64)};
    for (int64_t b = 0; b < count; ++b) {
        const int64_t index = indices[static_cast<size_t>(b)];
        batch.inputs.slice(b, b + 1).copy_from(features_.slice(index, index + 1));
        batch.targets.data<int64_t>()[b] = images_.images()->labels[static_cast<size_t>(index)];
    }
    return batch;
}

FeatureExtractor::FeatureExtractor(const SwinConfig& config, const Recipe& recipe)
    : model(config),
      parameters(model, dtype_of_precision(recipe.precision), random_of(recipe, Purpose::initial_values),
                 choose_device(recipe.device), Gradients::no) {}

FeatureSamples FeatureExtractor::of(ImageSamples images, int64_t batch_size,
                                    const std::function<void(int64_t done)>& after_batch) {
    Tensor features = features_of(model, parameters, images, batch_size, after_batch);
    return {std::move(images), std::move(features)};
}

}  // namespace swingrad
