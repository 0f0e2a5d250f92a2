// A record lock (fcntl) rather than flock, because only of these the kernel tells who holds them: a number written into
// the file could be that of a process long gone. Such a lock belongs to the process, not to the descriptor, and goes
// when the process closes any descriptor of the file: only this file opens it.

#include "train/program/run/run_lock.h"

#include "core/io/retried.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace swingrad {
namespace {

struct flock whole_file() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

[[noreturn]] void fail_locked(const RunFolder& folder, pid_t holder) {
    fail("[run] {} is in use by {}", folder.path.string(),
         holder > 0 ? fmt::format("process {}", holder) : std::string("a process of another machine or container"));
}

// The process that holds the lock; empty where it is free, or where the file system knows no locks.
std::optional<pid_t> holder_of(int descriptor) {
    struct flock lock = whole_file();
    if (retried([&] { return fcntl(descriptor, F_GETLK, &lock); }) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
    return lock.l_pid;
}

}  // namespace

RunLock::RunLock(const RunFolder& folder) {
    refuse_links(folder);
    constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    descriptor_ = retried([&] { return open(folder.lock().c_str(), flags, 0666); });
    check(descriptor_ >= 0, "[run] cannot write {}: {}", folder.lock().string(), std::strerror(errno));
    struct flock lock = whole_file();
    if (retried([&] { return fcntl(descriptor_, F_SETLK, &lock); }) == 0) return;
    // Where the file system knows no locks, a run is better than none.
    if (errno != EACCES && errno != EAGAIN) return;
    const std::optional<pid_t> holder = holder_of(descriptor_);
    close(descriptor_);
    fail_locked(folder, holder.value_or(0));
}

RunLock::~RunLock() { close(descriptor_); }

void refuse_if_locked(const RunFolder& folder) {
    const int descriptor = retried([&] { return open(folder.lock().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW); });
    if (descriptor < 0) return;
    const std::optional<pid_t> holder = holder_of(descriptor);
    close(descriptor);
    if (holder) fail_locked(folder, *holder);
}

}  // namespace swingrad
