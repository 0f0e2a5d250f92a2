// Two locks. A record lock (fcntl) on the file .lock, because only of these the kernel tells who holds them: a number
// written into the file could be that of a process long gone. Such a lock belongs to the process, not to the
// descriptor, and goes when the process closes any descriptor of the file: only this file opens it. And flock on the
// folder itself, which nobody can remove and make anew under the same process. Where a file system knows one of them
// only, as NFS does, that one counts.

#include "train/program/run/run_lock.h"

#include "core/io/retried.h"
#include "train/ranks/ranks.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace swingrad {
namespace fs = std::filesystem;
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

[[noreturn]] void fail_locked_without_file(const RunFolder& folder) {
    fail("[run] {} is in use by a process whose {} somebody has removed", folder.path.string(),
         folder.lock().filename().string());
}

// The process that holds the lock; empty where it is free, or where the file system knows no locks.
std::optional<pid_t> holder_of(int descriptor) {
    struct flock lock = whole_file();
    if (retried([&] { return fcntl(descriptor, F_GETLK, &lock); }) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
    return lock.l_pid;
}

int open_folder(const RunFolder& folder) {
    return retried([&] { return open(folder.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
}

bool others_have(int directory, int operation) {
    return retried([&] { return flock(directory, operation | LOCK_NB); }) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

RunLock::RunLock(const RunFolder& folder) : folder_(folder) {
    if (world().rank() != 0) return;
    refuse_links(folder);
    try {
        lock_file();
        lock_folder();
    } catch (...) {
        close(file_);
        if (directory_ >= 0) close(directory_);
        throw;
    }
}

void RunLock::lock_file() {
    constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    file_ = retried([&] { return open(folder_.lock().c_str(), flags, 0666); });
    check(file_ >= 0, "[run] cannot write {}: {}", folder_.lock().string(), std::strerror(errno));
    struct flock lock = whole_file();
    if (retried([&] { return fcntl(file_, F_SETLK, &lock); }) == 0) return;
    // Where the file system knows no locks, a run is better than none.
    if (errno == EACCES || errno == EAGAIN) fail_locked(folder_, holder_of(file_).value_or(0));
}

// A process that only looks (refuse_if_locked) may have it for a moment.
void RunLock::lock_folder() {
    directory_ = open_folder(folder_);
    if (directory_ < 0) return;
    for (int attempt = 0; others_have(directory_, LOCK_EX); ++attempt) {
        if (attempt == 20) fail_locked_without_file(folder_);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

RunLock::~RunLock() {
    if (file_ >= 0) close(file_);
    if (directory_ >= 0) close(directory_);
}

std::optional<fs::path> RunLock::moved_to() const {
    struct stat held {
    }, there{};
    if (directory_ < 0 || fstat(directory_, &held) != 0) return std::nullopt;
    if (stat(folder_.path.c_str(), &there) == 0) {
        if (there.st_dev == held.st_dev && there.st_ino == held.st_ino) return std::nullopt;
    } else if (errno != ENOENT && errno != ENOTDIR) {
        return std::nullopt;  // a network's disk that does not answer
    }
    std::error_code unknown;
    const fs::path now = fs::read_symlink(fmt::format("/proc/self/fd/{}", directory_), unknown);
    return held.st_nlink == 0 || now.string().ends_with(" (deleted)") ? fs::path() : now;
}

void RunLock::require_there() const {
    if (const std::optional<fs::path> now = moved_to()) fail("{}", text_of_move(*now));
}

std::string RunLock::text_of_move(const fs::path& now) const {
    return fmt::format("[run] {} has been {} while the run was going on", folder_.path.string(),
                       now.empty() ? "removed" : "moved to " + now.string());
}

void refuse_if_locked(const RunFolder& folder) {
    const int file = retried([&] { return open(folder.lock().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); });
    const std::optional<pid_t> holder = file < 0 ? std::nullopt : holder_of(file);
    if (file >= 0) close(file);
    if (holder) fail_locked(folder, *holder);
    const int directory = open_folder(folder);
    if (directory < 0) return;
    const bool locked = others_have(directory, LOCK_SH);
    close(directory);
    if (locked) fail_locked_without_file(folder);
}

}  // namespace swingrad
