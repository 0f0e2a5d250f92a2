// Prepares the next batch while the current one is being computed with.
#pragma once

#include "train/data/samples.h"
#include "train/data/upload.h"

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <vector>

namespace swingrad {

// Batches make(0), make(1), ... make(count - 1), in that order. One is always in the making, on a thread of its
// own, so whatever `make` refers to must outlive the loader and stay as it is. Where the system has no thread to give,
// next makes the batch itself.
class Loader {
  public:
    // With an `upload`, batches come by it: each is on the GPU until the next but one is asked for.
    Loader(int64_t count, std::function<Batch(int64_t)> make, std::unique_ptr<Upload> upload = nullptr);
    Loader(const Loader&) = delete;  // the thread knows where make_ lies
    Loader& operator=(const Loader&) = delete;

    // Nothing after the last. What `make` threw for this batch is thrown here, and no batch comes after it.
    std::optional<Batch> next();

  private:
    void start();

    const int64_t count_;
    const std::function<Batch(int64_t)> make_;
    const std::unique_ptr<Upload> upload_;
    int64_t started_ = 0;
    std::future<Batch> pending_;  // last member: its destructor waits for the thread, which uses the others
};

// Those of `samples` that `order` names, in batches of `batch_size`. The last may be smaller; `whole_only` leaves it
// out. Waits and reads like Loader; `samples` must outlive it. Batches are on `device`. Throws an Error where a batch
// has not a row of inputs and of targets for each sample.
Loader batches_of(const Samples& samples, std::vector<int64_t> order, int64_t batch_size, bool whole_only,
                  const std::optional<Random>& augmentation, Device device = Device::cpu);

}  // namespace swingrad
