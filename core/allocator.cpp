#include "core/allocator.h"

#include "core/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <mutex>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace swingrad {
namespace {

class OutOfMemory final : public Error {
    using Error::Error;
};

// No device has more; below it, rounding up cannot overflow.
constexpr size_t most_bytes = size_t{1} << 62;

// Sizes are rounded up to eight steps an octave: at most 12.5 % is wasted, and sizes that differ by little share
// a free list.
size_t size_class(size_t bytes) {
    if (bytes <= 512) return (std::max<size_t>(bytes, 1) + 63) / 64 * 64;
    const size_t step = std::bit_floor(bytes - 1) / 8;
    return (bytes + step - 1) / step * step;
}

constexpr uint64_t shared_pool = 0;

// The pool that this thread allocates from.
uint64_t& pool_in_use(Device device) {
    thread_local std::array<uint64_t, device_kinds> pools{};  // shared_pool
    return pools[static_cast<size_t>(device)];
}

class CachingAllocator {
  public:
    explicit CachingAllocator(Device device) : device_(device), memory_(memory_of(device)) {}

    MemoryBlock allocate(size_t bytes) {
        const std::lock_guard lock(mutex_);
        if (bytes > most_bytes) out_of_memory(bytes);
        MemoryBlock block{nullptr, bytes, rounded(bytes), pool_in_use(device_)};
        // The smallest that is large enough, unless it is more than twice that: in the second half of a training step
        // most memory is free, but in blocks of the first half's sizes.
        auto& lists = free_[block.pool];
        const auto end = lists.upper_bound(2 * block.capacity);
        const auto found =
            std::find_if(lists.lower_bound(block.capacity), end, [](const auto& list) { return !list.second.empty(); });
        if (found != end) {
            block.capacity = found->first;
            block.address = found->second.back();
            found->second.pop_back();
        } else {
            if (block.pool == shared_pool) give_back_below(block.capacity);
            block.address = from_device(block.capacity, block.pool == shared_pool);
        }
        statistics_.live += rounded(bytes);
        statistics_.peak = std::max(statistics_.peak, statistics_.live);
        return block;
    }

    void release(const MemoryBlock& block) {
        const std::lock_guard lock(mutex_);
        statistics_.live -= rounded(block.bytes);
        const auto pool = free_.find(block.pool);
        if (block.pool == shared_pool || pool == free_.end())
            return share_or_give_back(block.capacity, {&block.address, 1});
        try {
            pool->second[block.capacity].push_back(block.address);
        } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): the pool's block is lost
        }
    }

    uint64_t open_pool() {
        const std::lock_guard lock(mutex_);
        free_[++pools_] = {};
        return pools_;
    }
    void close_pool(uint64_t number) {
        const std::lock_guard lock(mutex_);
        for (const auto& [capacity, list] : free_[number]) share_or_give_back(capacity, list);
        free_.erase(number);
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
    size_t rounded(size_t bytes) const { return memory_.reusable() ? size_class(bytes) : bytes; }

    // A block that is no longer used is free for the next request, or goes back to the device.
    void share(size_t capacity, std::span<void* const> addresses) {
        if (memory_.reusable()) {
            auto& shared = free_[shared_pool][capacity];
            shared.insert(shared.end(), addresses.begin(), addresses.end());
        } else give_back(capacity, addresses);
    }

    // For destructors: where the lists have no room, the device has the blocks again.
    void share_or_give_back(size_t capacity, std::span<void* const> addresses) {
        try {
            share(capacity, addresses);
        } catch (const std::bad_alloc&) {
            give_back(capacity, addresses);
        }
    }

    void give_back(size_t capacity, std::span<void* const> addresses) {
        for (void* address : addresses) memory_.release(address, capacity);
        statistics_.reserved -= capacity * addresses.size();
    }

    // Gives the device the free block that comes nearest to being large enough, where it is at least half of that.
    // Shapes may differ a little from step to step, and for each size a free block once too small would stay.
    void give_back_below(size_t capacity) {
        auto& lists = free_[shared_pool];
        for (auto list = lists.lower_bound(capacity); list != lists.begin();) {
            --list;
            if (list->first < capacity / 2) return;
            if (list->second.empty()) continue;
            memory_.synchronise();
            give_back(list->first, {&list->second.back(), 1});
            list->second.pop_back();
            return;
        }
    }

    void* from_device(size_t capacity, bool may_wait) {
        ++statistics_.system_calls;
        void* address = memory_.allocate(capacity);
        if (!address && may_wait) {  // what lies in other free lists may be what is missing
            drop_free_blocks();
            address = memory_.allocate(capacity);
        }
        if (!address) out_of_memory(capacity);
        statistics_.reserved += capacity;
        return address;
    }

    [[noreturn]] void out_of_memory(size_t bytes) const {
        throw OutOfMemory(fmt::format("[allocator] {} has no {} bytes left ({} in tensors, peak {})", name_of(device_),
                                      bytes, statistics_.live, statistics_.peak));
    }

    void drop_free_blocks() {
        memory_.synchronise();
        for (auto& [capacity, list] : free_[shared_pool]) {
            give_back(capacity, list);
            list.clear();
        }
    }

    Device device_;
    DeviceMemory& memory_;
    std::mutex mutex_;
    using FreeLists = std::map<size_t, std::vector<void*>>;  // by capacity
    std::map<uint64_t, FreeLists> free_;                     // by pool
    uint64_t pools_ = 0;                                     // opened so far
    MemoryStatistics statistics_;
};

// Never destroyed: tensors in static variables may outlive any order of destruction.
CachingAllocator& allocator_of(Device device) {
    static auto& cpu = *new CachingAllocator(Device::cpu);
    if (device == Device::cpu) return cpu;
    static auto& meta = *new CachingAllocator(Device::meta);
    if (device == Device::meta) return meta;
    static auto& cuda = *new CachingAllocator(Device::cuda);
    return cuda;
}

}  // namespace

MemoryBlock allocate(Device device, size_t bytes) { return allocator_of(device).allocate(bytes); }
void release(Device device, const MemoryBlock& block) { allocator_of(device).release(block); }
bool is_out_of_memory(const std::exception& error) { return dynamic_cast<const OutOfMemory*>(&error) != nullptr; }
MemoryStatistics memory_statistics(Device device) { return allocator_of(device).statistics(); }
void reset_peak(Device device) { allocator_of(device).reset_peak(); }
void release_cached(Device device) { allocator_of(device).release_cached(); }

MemoryPool::MemoryPool(Device device) : device_(device), number_(allocator_of(device).open_pool()) {}
MemoryPool::~MemoryPool() { allocator_of(device_).close_pool(number_); }

MemoryPool::Use::Use(const MemoryPool& pool)
    : device_(pool.device_), before_(std::exchange(pool_in_use(device_), pool.number_)) {}
MemoryPool::Use::~Use() { pool_in_use(device_) = before_; }

}  // namespace swingrad
