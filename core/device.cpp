#include "core/device.h"

#include "core/error.h"

#include <sys/mman.h>

#include <array>
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

std::array<DeviceMemory*, 2>& installed() {
    static CpuMemory cpu;
    static std::array<DeviceMemory*, 2> memories{&cpu, nullptr};
    return memories;
}

}  // namespace

std::string_view name_of(Device device) { return device == Device::cpu ? "cpu" : "cuda"; }

DeviceMemory& memory_of(Device device) {
    DeviceMemory* memory = installed()[static_cast<size_t>(device)];
    check(memory != nullptr, "[device] {} is not available in this program", name_of(device));
    return *memory;
}

void install(Device device, DeviceMemory& memory) { installed()[static_cast<size_t>(device)] = &memory; }

}  // namespace swingrad
