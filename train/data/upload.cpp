#include "train/data/upload.h"

#include <cstring>

namespace swingrad {
namespace {

void copy(const Tensor& from, const cuda::PinnedMemory& by_way_of, const Tensor& to) {
    check(from.shape() == to.shape() && from.dtype() == to.dtype(),
          "[loader] batches must be alike: one is {}, the first had {}", from, to);
    if (from.numel() == 0) return;
    std::memcpy(by_way_of.data(), from.address(), from.bytes());
    cuda::copy_to_device(to.address(), by_way_of.data(), from.bytes(), cuda::copy_stream());
}

}  // namespace

Upload::Slot::Slot(const Batch& largest)
    : pinned_inputs(largest.inputs.bytes()),
      pinned_targets(largest.targets.bytes()),
      inputs(Tensor::empty(largest.inputs.shape(), largest.inputs.dtype(), Device::cuda)),
      targets(Tensor::empty(largest.targets.shape(), largest.targets.dtype(), Device::cuda)) {
    used.record(cuda::compute_stream());  // by the batch that had this memory before
}

// Memory that goes back to the allocator must have nothing of the copy stream coming.
Upload::~Upload() {
    for (auto& slot : slots_)
        if (slot) slot->copied.synchronise();
}

Batch Upload::send(const Batch& batch) {
    if (!slots_[0])
        for (auto& slot : slots_) slot.emplace(batch);
    Slot& slot = *slots_[sent_++ % slots_.size()];
    const Batch there{slot.inputs.slice(0, batch.inputs.shape()[0]), slot.targets.slice(0, batch.targets.shape()[0])};
    slot.copied.synchronise();
    slot.used.wait_in(cuda::copy_stream());
    copy(batch.inputs, slot.pinned_inputs, there.inputs);
    copy(batch.targets, slot.pinned_targets, there.targets);
    slot.copied.record(cuda::copy_stream());
    return there;
}

void Upload::take() {
    if (taken_ > 0) slots_[(taken_ - 1) % slots_.size()]->used.record(cuda::compute_stream());
    slots_[taken_++ % slots_.size()]->copied.wait_in(cuda::compute_stream());
}

}  // namespace swingrad
