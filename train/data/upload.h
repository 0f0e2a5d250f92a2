// Batches on their way to the GPU, one while the step before computes.
//
// Two slots take turns, each a batch in pinned memory and a batch on the device. The loader's thread fills the pinned
// one and asks the copy stream for the copy; the training thread, when it is handed the batch, asks the compute stream
// to begin after the copy. A slot is written over only when what was there has been used: in pinned memory, once its
// copy is done; on the device, once the steps asked for before the batch after it was handed out are done.
#pragma once

#include "cuda/runtime/runtime.h"
#include "train/data/samples.h"

#include <array>
#include <optional>

namespace swingrad {

class Upload {
  public:
    Upload() = default;
    ~Upload();  // waits for copies under way
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;

    // On the loader's thread: the batch as it will be on the device. No batch may be larger than the first.
    Batch send(const Batch& batch);
    // On the training thread, for every batch sent, in order: what is asked of the compute stream from now on finds it.
    // The batch before is over with when the one after this one is sent.
    void take();

  private:
    struct Slot {
        explicit Slot(const Batch& largest);
        cuda::PinnedMemory pinned_inputs, pinned_targets;
        Tensor inputs, targets;
        cuda::Event copied, used;
    };
    std::array<std::optional<Slot>, 2> slots_;  // made by the first batch
    size_t sent_ = 0, taken_ = 0;
};

}  // namespace swingrad
