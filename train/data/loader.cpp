#include "train/data/loader.h"

#include "core/error.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace swingrad {

Loader::Loader(int64_t count, std::function<Batch(int64_t)> make, std::unique_ptr<Upload> upload)
    : count_(count), make_(std::move(make)), upload_(std::move(upload)) {
    start();
}

// A thread a batch: starting one takes some ten microseconds, and a future already knows how to wait, how to carry
// an exception and how to end. Where the system has no thread left, the batch is made when it is asked for.
void Loader::start() {
    if (started_ == count_) return;
    const auto batch = [this, number = started_++] {
        const Batch made = make_(number);
        return upload_ ? upload_->send(made) : made;
    };
    try {
        pending_ = std::async(std::launch::async, batch);
    } catch (const std::system_error&) {
        pending_ = std::async(std::launch::deferred, batch);
    }
}

std::optional<Batch> Loader::next() {
    if (!pending_.valid()) return std::nullopt;
    Batch batch = pending_.get();
    if (upload_) upload_->take();
    start();
    return batch;
}

Loader batches_of(const Samples& samples, std::vector<int64_t> order, int64_t batch_size, bool whole_only,
                  const std::optional<Random>& augmentation, Device device) {
    check(batch_size > 0, "[loader] batch size must be at least 1, got {}", batch_size);
    const auto all = static_cast<int64_t>(order.size());
    const int64_t count = whole_only ? all / batch_size : (all + batch_size - 1) / batch_size;
    const auto make = [=, &samples, order = std::move(order)](int64_t number) {
        const int64_t begin = number * batch_size, end = std::min(all, begin + batch_size);
        const std::span<const int64_t> indices(order.data() + begin, static_cast<size_t>(end - begin));
        Batch batch = samples.batch(indices, augmentation ? &*augmentation : nullptr);
        for (const auto& [name, tensor] : {std::pair{"inputs", batch.inputs}, {"targets", batch.targets}})
            check(tensor.shape().rank() > 0 && tensor.shape()[0] == end - begin,
                  "[loader] the {} of a batch of {} samples must be [{}, ...], got {}", name, end - begin, end - begin,
                  tensor.defined() ? tensor.describe() : "nothing");
        return batch;
    };
    return Loader(count, make, device == Device::cpu ? nullptr : std::make_unique<Upload>());
}

}  // namespace swingrad
