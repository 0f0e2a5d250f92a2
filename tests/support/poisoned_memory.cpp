#include "tests/support/poisoned_memory.h"

#include "core/allocator.h"
#include "cuda/emulator/language/sanitizer.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace swingrad::test {
namespace {

constexpr size_t strip = 64;  // bytes on each side; a block stays as aligned as it was
constexpr unsigned char untouched = 0xc5;
constexpr int poison = 0xff;

std::atomic<bool> kept = false, installed = false;

class PoisonedMemory final : public DeviceMemory {
  public:
    explicit PoisonedMemory(DeviceMemory& plain) : plain_(plain) {}

    void* allocate(size_t bytes) override {
        const size_t whole = (bytes + 63) / 64 * 64 + 2 * strip;
        auto* const begin = static_cast<char*>(std::aligned_alloc(64, whole));
        if (!begin) return nullptr;
        std::memset(begin, untouched, strip);
        std::memset(begin + strip, poison, bytes);
        std::memset(begin + strip + bytes, untouched, strip);
        return begin + strip;
    }
    void release(void* address, size_t bytes) override {
        if (!address) return;
        if (const std::string what = written_around(address, bytes); !what.empty()) {
            std::fprintf(stderr, "[test] %s\n", what.c_str());
            std::abort();
        }
        std::free(static_cast<char*>(address) - strip);
    }
    bool reusable() const override { return kept; }
    void copy_from_host(void* to, const void* host, size_t bytes) override { plain_.copy_from_host(to, host, bytes); }
    void copy_to_host(void* host, const void* from, size_t bytes) override { plain_.copy_to_host(host, from, bytes); }
    void copy_within(void* to, const void* from, size_t bytes) override { plain_.copy_within(to, from, bytes); }
    void fill_zero(void* to, size_t bytes) override { plain_.fill_zero(to, bytes); }
    void convert(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count) override {
        plain_.convert(to, to_dtype, from, from_dtype, count);
    }
    void synchronise() override {}

  private:
    DeviceMemory& plain_;
};

// Before any tensor, static ones too: this file is linked first.
[[maybe_unused]] const bool poisoned = (poison_memory(), true);

}  // namespace

bool memory_is_poisoned() { return installed; }

void poison_memory() {
#if !defined(SWINGRAD_ADDRESS_SANITIZER)
    static auto& memory = *new PoisonedMemory(memory_of(Device::cpu));  // static tensors go after it would
    install(Device::cpu, memory);
    installed = true;
    // Released memory stays the process's: fresh pages cost more than filling them does.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

std::string written_around(const void* address, size_t bytes) {
    const auto* const at = static_cast<const unsigned char*>(address);
    const auto is_changed = [](unsigned char byte) { return byte != untouched; };
    const auto* const ahead = std::find_if(at - strip, at, is_changed);
    if (ahead != at) return fmt::format("wrote {} bytes before the start of a tensor of {} bytes", at - ahead, bytes);
    const auto* const end = at + bytes;
    const auto* const after = std::find_if(end, end + strip, is_changed);
    if (after == end + strip) return "";
    return fmt::format("wrote {} bytes after the end of a tensor of {} bytes", after - end, bytes);
}

KeptMemory::KeptMemory() { kept = true; }
KeptMemory::~KeptMemory() {
    release_cached(Device::cpu);
    kept = false;
}

}  // namespace swingrad::test
