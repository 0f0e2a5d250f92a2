#include "train/data/upload.h"

#include <cstring>

namespace swingrad {
namespace {

void copy(const Tensor& from, const cuda::PinnedMemory& by_way_of, const Tensor& to) {
    if (from.numel() == 0) return;
    std::memcpy(by_way_of.data(), from.address(), from.bytes());
    cuda::copy_to_device(to.address(), by_way_of.data(), from.bytes(), cuda::copy_stream());
}

}  // namespace

Upload::Slot::Slot(const Shape& shape)
    : pinned_images(static_cast<size_t>(shape.numel()) * sizeof(float)),
      pinned_labels(static_cast<size_t>(shape[0]) * sizeof(int64_t)),
      images(Tensor::empty(shape, DType::float32, Device::cuda)),
      labels(Tensor::empty({shape[0]}, DType::int64, Device::cuda)) {
    used.record(cuda::compute_stream());  // by the batch that had this memory before
}

Upload::Upload(const Shape& images) : slots_{Slot(images), Slot(images)} {}

// Memory that goes back to the allocator must have nothing of the copy stream coming.
Upload::~Upload() {
    for (Slot& slot : slots_) slot.copied.synchronise();
}

Batch Upload::send(const Batch& batch) {
    Slot& slot = slots_[sent_++ % slots_.size()];
    const Batch there{slot.images.slice(0, batch.images.shape()[0]), slot.labels.slice(0, batch.labels.shape()[0])};
    slot.copied.synchronise();
    slot.used.wait_in(cuda::copy_stream());
    copy(batch.images, slot.pinned_images, there.images);
    copy(batch.labels, slot.pinned_labels, there.labels);
    slot.copied.record(cuda::copy_stream());
    return there;
}

void Upload::take() {
    if (taken_ > 0) slots_[(taken_ - 1) % slots_.size()].used.record(cuda::compute_stream());
    slots_[taken_++ % slots_.size()].copied.wait_in(cuda::compute_stream());
}

}  // namespace swingrad
