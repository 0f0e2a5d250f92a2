#include "cuda/emulator/machine/address_space.h"

#include <sys/mman.h>

#include <bitset>
#include <cstdint>

namespace swingrad::cuda::emulator {
namespace {

constexpr size_t slot_bytes = size_t{16} << 30, slot_count = 4096;
constexpr int untouchable = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

struct Slots {
    char* begin = nullptr;  // nullptr: none
    std::bitset<slot_count> taken;
    size_t next = 0;

    Slots() {
#if !defined(__SANITIZE_THREAD__)  // which knows a small part of the address space alone
        void* const found = mmap(nullptr, slot_bytes * slot_count, PROT_NONE, untouchable, -1, 0);
        if (found != MAP_FAILED) begin = static_cast<char*>(found);
#endif
    }
    char* middle(size_t slot) const { return begin + slot * slot_bytes + slot_bytes / 2; }
    bool hold(const char* address) const {
        return begin && address >= begin && address < begin + slot_bytes * slot_count;
    }
    // The free slot whose turn it is; slot_count where there is none.
    size_t take() {
        if (!begin || taken.all()) return slot_count;
        while (taken[next]) next = (next + 1) % slot_count;
        taken[next] = true;
        const size_t found = next;
        next = (next + 1) % slot_count;
        return found;
    }
    void give_back(const char* pages) { taken[static_cast<size_t>(pages - begin) / slot_bytes] = false; }
};
Slots& slots() {  // never destroyed, as the memory of static tensors may go later
    static auto& all = *new Slots;
    return all;
}

bool make_touchable(char* pages, size_t bytes) { return mprotect(pages, bytes, PROT_READ | PROT_WRITE) == 0; }

}  // namespace

// The caller sees to it that one thread at a time calls these.
char* take_pages(size_t bytes) {
    Slots& all = slots();
    if (bytes <= slot_bytes / 4) {
        if (const size_t slot = all.take(); slot != slot_count) {
            if (make_touchable(all.middle(slot), bytes)) return all.middle(slot);
            all.give_back(all.middle(slot));
        }
    }
    void* const found = mmap(nullptr, bytes + 2 * page, PROT_NONE, untouchable, -1, 0);
    if (found == MAP_FAILED) return nullptr;
    char* const pages = static_cast<char*>(found) + page;
    if (make_touchable(pages, bytes)) return pages;
    munmap(found, bytes + 2 * page);
    return nullptr;
}

void give_back_pages(char* pages, size_t bytes) {
    if (!slots().hold(pages)) {
        munmap(pages - page, bytes + 2 * page);
        return;
    }
    // In place of the old pages, which go back to the system; where it will not have them, they are only closed.
    if (mmap(pages, bytes, PROT_NONE, untouchable | MAP_FIXED, -1, 0) == MAP_FAILED) mprotect(pages, bytes, PROT_NONE);
    slots().give_back(pages);
}

}  // namespace swingrad::cuda::emulator
