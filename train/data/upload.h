// Batches on their way to the GPU, one while the step before computes.
//
// Two slots take turns, each a batch in pinned memory and a batch on the device. The loader's thread fills the pinned
// one and asks the copy stream for the copy; the training thread, when it is handed the batch, asks the compute stream
// to begin after the copy. A slot is written over only when what was there has been used: in pinned memory, once its
// copy is done; on the device, once the steps asked for before the batch after it was handed out are done.
#pragma once

#include "cuda/runtime/runtime.h"
#include "train/data/batch.h"

#include <array>

namespace swingrad {

class Upload {
  public:
    explicit Upload(const Shape& images);  // of the largest batch
    ~Upload();                             // waits for copies under way
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;

    // On the loader's thread: the batch as it will be on the device.
    Batch send(const Batch& batch);
    // On the training thread, for every batch sent, in order: what is asked of the compute stream from now on finds it.
    // The batch before is over with when the one after this one is sent.
    void take();

  private:
    struct Slot {
        explicit Slot(const Shape& shape);
        cuda::PinnedMemory pinned_images, pinned_labels;
        Tensor images, labels;
        cuda::Event copied, used;
    };
    std::array<Slot, 2> slots_;
    size_t sent_ = 0, taken_ = 0;
};

}  // namespace swingrad
