// One of a program's calls about a folder fails, the FAULT_AT-th, by what FAULT_KIND says: EIO, ENOSPC, EINTR, or
// "short", which does half of what is asked. Interposed by LD_PRELOAD. How many calls there were is written to
// FAULT_COUNT at the end.
//
// A symbol of the C library is declared here as the library declares it; a C++ exception passes through none of them.

#include "tests/faults/folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>

namespace {

std::atomic<long> calls{0};

int error_to_raise() {
    const std::string kind = setting("FAULT_KIND");
    return kind == "EIO" ? EIO : kind == "ENOSPC" ? ENOSPC : kind == "EINTR" ? EINTR : 0;
}

// Whether this is the call, with errno set for it.
bool fails() {
    static const long at = std::atol(setting("FAULT_AT").c_str());
    static const int error = error_to_raise();
    if (++calls != at || error == 0) return false;
    errno = error;
    return true;
}

// How many bytes of `count` to do.
size_t shortened(size_t count) {
    static const long at = std::atol(setting("FAULT_AT").c_str());
    static const bool is_short = setting("FAULT_KIND") == "short";
    return is_short && calls == at && count > 1 ? count / 2 : count;
}

struct CountAtTheEnd {
    ~CountAtTheEnd() {
        const std::string path = setting("FAULT_COUNT");
        if (path.empty() || calls == 0) return;
        if (std::FILE* file = std::fopen(path.c_str(), "w")) {
            std::fprintf(file, "%ld\n", calls.load());
            std::fclose(file);
        }
    }
} count_at_the_end;

int open_or_fail(const char* name, const char* path, int flags, mode_t mode) {
    if (is_watched(path) && fails()) return -1;
    return real<int(const char*, int, ...)>(name)(path, flags, mode);
}

ssize_t read_or_fail(const char* name, int descriptor, void* to, size_t count, off_t offset) {
    if (is_watched(descriptor)) {
        if (fails()) return -1;
        count = shortened(count);
    }
    return real<ssize_t(int, void*, size_t, off_t)>(name)(descriptor, to, count, offset);
}

mode_t mode_in(int flags, va_list arguments) { return flags & O_CREAT ? va_arg(arguments, mode_t) : 0; }

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_in(flags, arguments);
    va_end(arguments);
    return open_or_fail("open", path, flags, mode);
}
int open64(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_in(flags, arguments);
    va_end(arguments);
    return open_or_fail("open64", path, flags, mode);
}
ssize_t pread(int descriptor, void* to, size_t count, off_t offset) {
    return read_or_fail("pread", descriptor, to, count, offset);
}
ssize_t pread64(int descriptor, void* to, size_t count, off64_t offset) {
    return read_or_fail("pread64", descriptor, to, count, offset);
}
ssize_t write(int descriptor, const void* bytes, size_t count) {
    if (is_watched(descriptor)) {
        if (fails()) return -1;
        count = shortened(count);
    }
    return real<ssize_t(int, const void*, size_t)>("write")(descriptor, bytes, count);
}
int fsync(int descriptor) { return is_watched(descriptor) && fails() ? -1 : real<int(int)>("fsync")(descriptor); }
int fchmod(int descriptor, mode_t mode) {
    return is_watched(descriptor) && fails() ? -1 : real<int(int, mode_t)>("fchmod")(descriptor, mode);
}
int close(int descriptor) {
    const bool failed = is_watched(descriptor) && fails();
    const int error = errno;
    const int result = real<int(int)>("close")(descriptor);  // it is gone all the same
    if (failed) errno = error;
    return failed ? -1 : result;
}
int rename(const char* from, const char* to) noexcept {
    return is_watched(to) && fails() ? -1 : real<int(const char*, const char*)>("rename")(from, to);
}
int link(const char* from, const char* to) noexcept {
    return is_watched(to) && fails() ? -1 : real<int(const char*, const char*)>("link")(from, to);
}
int unlink(const char* path) noexcept {
    return is_watched(path) && fails() ? -1 : real<int(const char*)>("unlink")(path);
}
int mkdir(const char* path, mode_t mode) noexcept {
    return is_watched(path) && fails() ? -1 : real<int(const char*, mode_t)>("mkdir")(path, mode);
}
}
