// Device: where memory lives. Core knows a device only by these few calls. The CPU's and meta's are installed from the
// start; the library above core installs cuda's (cuda/runtime/runtime.h), which is a GPU or, in a build without one, an
// emulator.
#pragma once

#include "core/element.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace swingrad {

// meta has no memory: a tensor there is a shape and a dtype, and operations do all but compute. What a model costs is
// found that way (ops/cost_log.h), whatever its size. Asking such a tensor for its values throws an Error.
enum class Device : uint8_t { cpu, cuda, meta };
constexpr size_t device_kinds = 3;

std::string_view name_of(Device device);  // "cpu"

// What a device must be able to do for tensors to live there.
class DeviceMemory {
  public:
    virtual ~DeviceMemory() = default;

    // At least `bytes` bytes, aligned to 64 where that divides `bytes`, to 16 in any case; nullptr where there is none
    // left.
    virtual void* allocate(size_t bytes) = 0;
    virtual void release(void* address, size_t bytes) = 0;
    // Whether released memory is to be kept and handed out again, which is faster. The emulator says no: where each
    // tensor has memory of its own, exactly as long as asked for, an access beyond its end or after its release shows.
    virtual bool reusable() const { return true; }

    virtual void copy_from_host(void* to, const void* host, size_t bytes) = 0;
    virtual void copy_to_host(void* host, const void* from, size_t bytes) = 0;
    virtual void copy_within(void* to, const void* from, size_t bytes) = 0;
    virtual void fill_zero(void* to, size_t bytes) = 0;
    // `count` elements from one floating type to another, rounded as Tensor::to says. The two must not overlap.
    virtual void convert(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count) = 0;

    // Waits until everything asked of the device so far is done.
    virtual void synchronise() = 0;
};

// The device's memory. Throws an Error for a device that nothing has installed.
DeviceMemory& memory_of(Device device);

// Makes a device available, before its first use. `memory` must outlive all tensors.
void install(Device device, DeviceMemory& memory);

}  // namespace swingrad
