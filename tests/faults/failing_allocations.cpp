// One of a program's requests for memory is refused, the FAULT_AT-th, or with FAULT_KIND "on" that one and all after
// it. Interposed by LD_PRELOAD. How many requests there were is written to FAULT_COUNT at the end. glibc's own
// functions have names of their own, so none is looked up, which would itself ask for memory.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace {

constinit std::atomic<long> requests{0};

struct Settings {
    long at = 0;
    bool from_then_on = false;
};

// Read again each time: a static of this kind would have to be made at the first request, which may be the one refused.
Settings settings() {
    const char *at = std::getenv("FAULT_AT"), *kind = std::getenv("FAULT_KIND");
    return {at ? std::atol(at) : 0, kind && std::strcmp(kind, "on") == 0};
}

bool refused() {
    const long number = ++requests;
    const auto [at, from_then_on] = settings();
    if (at == 0 || (from_then_on ? number < at : number != at)) return false;
    errno = ENOMEM;
    return true;
}

struct CountAtTheEnd {
    ~CountAtTheEnd() {
        const char* path = std::getenv("FAULT_COUNT");
        const long count = requests;
        if (!path) return;
        if (std::FILE* file = std::fopen(path, "w")) {
            std::fprintf(file, "%ld\n", count);
            std::fclose(file);
        }
    }
} count_at_the_end;

}  // namespace

extern "C" {

void* malloc(size_t bytes) { return refused() ? nullptr : __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return refused() ? nullptr : __libc_calloc(count, bytes); }
void* realloc(void* old, size_t bytes) { return refused() ? nullptr : __libc_realloc(old, bytes); }
void* memalign(size_t alignment, size_t bytes) { return refused() ? nullptr : __libc_memalign(alignment, bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) { return refused() ? nullptr : __libc_memalign(alignment, bytes); }
int posix_memalign(void** to, size_t alignment, size_t bytes) {
    if (refused()) return ENOMEM;
    *to = __libc_memalign(alignment, bytes);
    return *to ? 0 : ENOMEM;
}
}
