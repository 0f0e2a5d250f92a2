// A caching allocator: memory given back by one tensor is handed to the next of about the same size.
//
// A training step asks for the same sizes again and again. Fresh memory from the system costs 0.2-0.3 ms a MB
// (page faults), so a step in steady state must take everything from here: `system_calls` then stands still.
#pragma once

#include "core/device.h"

#include <cstddef>
#include <cstdint>
#include <exception>

namespace swingrad {

struct MemoryStatistics {
    size_t live = 0;            // bytes of tensors now, rounded up as blocks are, whatever block they got
    size_t peak = 0;            // the most that `live` has been since the last reset
    size_t reserved = 0;        // bytes taken from the device: live and cached
    uint64_t system_calls = 0;  // how often the device was asked for memory
};

// A piece of device memory. `bytes` is what was asked for; `capacity` what was given.
struct MemoryBlock {
    void* address = nullptr;
    size_t bytes = 0;
    size_t capacity = 0;
    uint64_t pool = 0;  // a MemoryPool's, or 0
};

// At least `bytes` bytes on `device`, aligned to 64, contents undefined. Throws an Error that names the bytes
// wanted, live and the most that were where the device has none left, even with all cached blocks given back. (For a
// pool, below, none are given back: that would wait for the device.) All functions here may be called from any thread.
MemoryBlock allocate(Device device, size_t bytes);
void release(Device device, const MemoryBlock& block);
bool is_out_of_memory(const std::exception& error);  // whether `allocate` threw it

MemoryStatistics memory_statistics(Device device);
void reset_peak(Device device);      // peak becomes live
void release_cached(Device device);  // gives everything unused back to the device, but for what is in pools

// Memory of its own for work that is recorded once and done again (Graph in cuda/runtime/runtime.h): the addresses must
// stay the work's for as long as it may be done. What this thread allocates on `device` while a Use lives comes from
// the pool and, once released, is handed out to the next Use only.
class MemoryPool {
  public:
    explicit MemoryPool(Device device);
    ~MemoryPool();  // released blocks may serve any request again; blocks still in use do so once they are released
    MemoryPool(const MemoryPool&) = delete;
    MemoryPool& operator=(const MemoryPool&) = delete;

    class Use {
      public:
        explicit Use(const MemoryPool& pool);
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;

      private:
        Device device_;
        uint64_t before_;
    };

  private:
    Device device_;
    uint64_t number_;
};

}  // namespace swingrad
