// Random images and labels of a model's shapes: for what needs a training step and no data.
#pragma once

#include "core/random.h"
#include "models/swin/config.h"

namespace swingrad {

struct RandomBatch {
    Tensor images;  // float32 [B, H, W, in_chans], standard normal
    Tensor labels;  // int64 [B], below num_classes
};

inline RandomBatch random_batch(const SwinConfig& config, int64_t size) {
    RandomBatch batch{Tensor::empty({size, config.img_size.rows, config.img_size.columns, config.in_chans}),
                      Tensor::empty({size}, DType::int64)};
    const auto classes = static_cast<uint32_t>(config.num_classes);
    for (int64_t i = 0; i < batch.images.numel(); ++i)
        batch.images.data<float>()[i] = static_cast<float>(Random{0, 1}.normal(static_cast<uint64_t>(i)));
    for (int64_t i = 0; i < size; ++i)
        batch.labels.data<int64_t>()[i] = Random{0, 2}.below(static_cast<uint64_t>(i), classes);
    return batch;
}

}  // namespace swingrad
