#include "core/allocator.h"

#include "core/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <mutex>
#include <vector>

namespace swingrad {
namespace {

// No device has more; below it, rounding up cannot overflow.
constexpr size_t most_bytes = size_t{1} << 62;

// Sizes are rounded up to eight steps an octave: at most 12.5 % is wasted, and sizes that differ by little share
// a free list.
size_t size_class(size_t bytes) {
    if (bytes <= 512) return (std::max<size_t>(bytes, 1) + 63) / 64 * 64;
    const size_t step = std::bit_floor(bytes - 1) / 8;
    return (bytes + step - 1) / step * step;
}

class CachingAllocator {
  public:
    explicit CachingAllocator(Device device) : device_(device), memory_(memory_of(device)) {}

    MemoryBlock allocate(size_t bytes) {
        const std::lock_guard lock(mutex_);
        if (bytes > most_bytes) out_of_memory(bytes);
        MemoryBlock block{nullptr, bytes, memory_.reusable() ? size_class(bytes) : bytes};
        auto& list = free_[block.capacity];
        if (!list.empty()) {
            block.address = list.back();
            list.pop_back();
        } else {
            block.address = from_device(block.capacity);
        }
        statistics_.live += block.capacity;
        statistics_.peak = std::max(statistics_.peak, statistics_.live);
        return block;
    }

    void release(const MemoryBlock& block) {
        const std::lock_guard lock(mutex_);
        statistics_.live -= block.capacity;
        if (memory_.reusable()) {
            free_[block.capacity].push_back(block.address);
            return;
        }
        memory_.release(block.address, block.capacity);
        statistics_.reserved -= block.capacity;
    }

    MemoryStatistics statistics() {
        const std::lock_guard lock(mutex_);
        return statistics_;
    }

    void reset_peak() {
        const std::lock_guard lock(mutex_);
        statistics_.peak = statistics_.live;
    }

    void release_cached() {
        const std::lock_guard lock(mutex_);
        drop_free_blocks();
    }

  private:
    void* from_device(size_t capacity) {
        ++statistics_.system_calls;
        void* address = memory_.allocate(capacity);
        if (!address) {  // what lies in other free lists may be what is missing
            drop_free_blocks();
            address = memory_.allocate(capacity);
        }
        if (!address) out_of_memory(capacity);
        statistics_.reserved += capacity;
        return address;
    }

    [[noreturn]] void out_of_memory(size_t bytes) const {
        fail("[allocator] {} has no {} bytes left ({} in tensors, peak {})", name_of(device_), bytes, statistics_.live,
             statistics_.peak);
    }

    void drop_free_blocks() {
        memory_.synchronise();
        for (auto& [capacity, list] : free_) {
            for (void* address : list) memory_.release(address, capacity);
            statistics_.reserved -= capacity * list.size();
            list.clear();
        }
    }

    Device device_;
    DeviceMemory& memory_;
    std::mutex mutex_;
    std::map<size_t, std::vector<void*>> free_;
    MemoryStatistics statistics_;
};

// Never destroyed: tensors in static variables may outlive any order of destruction.
CachingAllocator& allocator_of(Device device) {
    if (device == Device::cpu) {
        static auto& cpu = *new CachingAllocator(Device::cpu);
        return cpu;
    }
    static auto& cuda = *new CachingAllocator(Device::cuda);
    return cuda;
}

}  // namespace

MemoryBlock allocate(Device device, size_t bytes) { return allocator_of(device).allocate(bytes); }
void release(Device device, const MemoryBlock& block) { allocator_of(device).release(block); }
MemoryStatistics memory_statistics(Device device) { return allocator_of(device).statistics(); }
void reset_peak(Device device) { allocator_of(device).reset_peak(); }
void release_cached(Device device) { allocator_of(device).release_cached(); }

}  // namespace swingrad
