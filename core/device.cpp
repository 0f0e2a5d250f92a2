#include "core/device.h"

#include "core/error.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace swingrad {
namespace {

class CpuMemory final : public DeviceMemory {
  public:
    void* allocate(size_t bytes) override {
        const size_t alignment = bytes >= huge_page ? huge_page : 64;
        void* address = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
        // Fresh memory is paid for page by page; large pages make that 512 times rarer.
        if (address && alignment == huge_page) madvise(address, bytes, MADV_HUGEPAGE);
        return address;
    }
    void release(void* address, size_t) override { std::free(address); }
    void copy_from_host(void* to, const void* host, size_t bytes) override { std::memcpy(to, host, bytes); }
    void copy_to_host(void* host, const void* from, size_t bytes) override { std::memcpy(host, from, bytes); }
    void copy_within(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
    void fill_zero(void* to, size_t bytes) override { std::memset(to, 0, bytes); }
    void convert(void*, DType, const void*, DType, int64_t) override {}  // Tensor::to has the loops
    void synchronise() override {}

  private:
    static constexpr size_t huge_page = size_t{2} << 20;
};

// Addresses of nothing, so that two tensors have two, and parts of one tensor lie within it.
class MetaMemory final : public DeviceMemory {
  public:
    void* allocate(size_t bytes) override {
        const size_t rounded = bytes / 64 * 64 + 64;
        uintptr_t address = next_.load();
        do {
            if (address > end || rounded > end - address) return nullptr;
        } while (!next_.compare_exchange_weak(address, address + rounded));
        return reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr)
    }
    void release(void*, size_t) override {}
    bool reusable() const override { return false; }  // so that statistics count what tensors ask for
    void copy_from_host(void*, const void*, size_t) override {}
    void copy_to_host(void*, const void*, size_t) override {
        fail("[device] a tensor on meta has a shape and no values: none can be read");
    }
    void copy_within(void*, const void*, size_t) override {}
    void fill_zero(void*, size_t) override {}
    void convert(void*, DType, const void*, DType, int64_t) override {}
    void synchronise() override {}

  private:
    static constexpr uintptr_t end = uintptr_t{1} << 62;
    std::atomic<uintptr_t> next_ = uintptr_t{1} << 48;  // beyond what a process can have
};

std::array<DeviceMemory*, device_kinds>& installed() {
    static CpuMemory cpu;
    static MetaMemory meta;
    static std::array<DeviceMemory*, device_kinds> memories{&cpu, nullptr, &meta};
    return memories;
}

}  // namespace

std::string_view name_of(Device device) {
    if (device == Device::meta) return "meta";
    return device == Device::cpu ? "cpu" : "cuda";
}

DeviceMemory& memory_of(Device device) {
    DeviceMemory* memory = installed()[static_cast<size_t>(device)];
    check(memory != nullptr, "[device] {} is not available in this program", name_of(device));
    return *memory;
}

void install(Device device, DeviceMemory& memory) { installed()[static_cast<size_t>(device)] = &memory; }

}  // namespace swingrad
