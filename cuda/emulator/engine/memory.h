// Device memory, emulated.
//
// Every allocation has pages of its own and ends where they end; the next page cannot be touched. So the first step
// beyond the end is a fault, seen in the thread that takes it. What is fresh holds NaN; what was released is a fault.
#pragma once

#include "core/device.h"
#include "cuda/runtime/runtime.h"

#include <cstddef>
#include <string>
#include <vector>

namespace swingrad::cuda::emulator {

class EmulatedMemory final : public DeviceMemory {
  public:
    void* allocate(size_t bytes) override;  // nullptr beyond options().memory_limit
    void release(void* address, size_t bytes) override;
    bool reusable() const override { return false; }
    void copy_from_host(void* to, const void* host, size_t bytes) override;
    void copy_to_host(void* host, const void* from, size_t bytes) override;
    void copy_within(void* to, const void* from, size_t bytes) override;
    void fill_zero(void* to, size_t bytes) override;
    void convert(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count) override;
    void synchronise() override;
};
DeviceMemory& emulated_memory();  // installed in core as Device::cuda's

// For the access checker: the host (a library of its own, say) has written device memory by itself.
void written_by_host(const void* address, size_t bytes);

// Copies that a stream is asked for.
void copy_in(void* to, const void* host, size_t bytes, Stream stream);
void copy_out(void* host, const void* from, size_t bytes, Stream stream);

bool is_device_memory(const void* address);
const void* allocation_of(const void* address);  // its start; nullptr where the address is in none
// Whatever among a kernel's arguments, fields of structs too, is an address of device memory.
std::vector<const void*> addresses_among(const void* arguments, size_t bytes);
// "byte 12 of device memory of 40 bytes", "4 bytes before the start of device memory of 40 bytes",
// "byte 0 of device memory of 40 bytes, released by the host since", ...
std::string describe_address(const void* address);

// Bytes from an address to the end of its pages where an allocation ends with them: a multiple of what its size
// is a multiple of, from 16 (a float4) to 256 (what hardware gives).
size_t rounded_for_alignment(size_t bytes);

// Whether the kernel that was just given `address` wrote over the little room between an allocation's end and its
// pages' end, or before its start.
void check_edges(const void* address);

}  // namespace swingrad::cuda::emulator
