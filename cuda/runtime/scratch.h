// Memory for as long as a launcher runs. What it launched may still be using it afterwards: the memory's next
// use comes later in the same stream.
#pragma once

#include "core/allocator.h"

namespace swingrad::cuda {

template <class T>
class Scratch {
  public:
    explicit Scratch(int64_t count) : block_(allocate(Device::cuda, static_cast<size_t>(count) * sizeof(T))) {}
    ~Scratch() { release(Device::cuda, block_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    T* data() const { return static_cast<T*>(block_.address); }

  private:
    MemoryBlock block_;
};

}  // namespace swingrad::cuda
