#include "train/data/loader.h"

#include "core/error.h"

#include <algorithm>

namespace swingrad {

Loader::Loader(int64_t count, std::function<Batch(int64_t)> make, std::unique_ptr<Upload> upload)
    : count_(count), make_(std::move(make)), upload_(std::move(upload)) {
    start();
}

// A thread a batch: starting one takes some ten microseconds, and a future already knows how to wait, how to carry
// an exception and how to end.
void Loader::start() {
    if (started_ == count_) return;
    pending_ = std::async(std::launch::async, [this, number = started_++] {
        const Batch batch = make_(number);
        return upload_ ? upload_->send(batch) : batch;
    });
}

std::optional<Batch> Loader::next() {
    if (!pending_.valid()) return std::nullopt;
    Batch batch = pending_.get();
    if (upload_) upload_->take();
    start();
    return batch;
}

Loader batches_of(const Dataset& data, std::vector<int64_t> order, int64_t batch_size, bool whole_only,
                  const Normalisation& normalisation, const Augmentation* augmentation, Random random, Device device) {
    check(batch_size > 0, "[loader] batch size must be at least 1, got {}", batch_size);
    const auto samples = static_cast<int64_t>(order.size());
    const int64_t count = whole_only ? samples / batch_size : (samples + batch_size - 1) / batch_size;
    const std::optional<Augmentation> copy = augmentation ? std::optional(*augmentation) : std::nullopt;
    std::unique_ptr<Upload> upload;
    if (device != Device::cpu && count > 0)
        upload = std::make_unique<Upload>(data.images.shape().with(0, std::min(batch_size, samples)));
    const auto make = [=, &data, order = std::move(order)](int64_t batch) {
        const int64_t begin = batch * batch_size, end = std::min(samples, begin + batch_size);
        const std::span<const int64_t> indices(order.data() + begin, static_cast<size_t>(end - begin));
        return make_batch(data, indices, normalisation, copy ? &*copy : nullptr, random);
    };
    return Loader(count, make, std::move(upload));
}

}  // namespace swingrad
