#include "core/io/file.h"

#include "core/error.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

// Linux moves at most 0x7ffff000 bytes a call; any smaller step will do.
constexpr size_t most_at_once = size_t{1} << 30;

[[noreturn]] void fail_with_errno(std::string_view name, std::string_view what = "") {
    fail("[file] {}: {}{}", name, what, std::generic_category().message(errno));
}

void write_all(int descriptor, std::string_view bytes, const std::string& name) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), std::min(bytes.size(), most_at_once));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail_with_errno(name, "cannot write: ");
        bytes.remove_prefix(static_cast<size_t>(written));
    }
}

// A new file beside the one it is to replace. Removed again unless it was renamed.
class Temporary {
  public:
    explicit Temporary(const fs::path& target) : name_(target.string()) {
        static std::atomic<uint64_t> serial{0};
        // A name may be left over from a process that was killed, so a few are tried.
        for (int attempt = 0; attempt < 100; ++attempt) {
            path_ = target;
            path_.replace_filename(fmt::format(".{}.{}-{}.tmp", target.filename().string(), ::getpid(), ++serial));
            descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (descriptor_ >= 0) return;
            if (errno != EEXIST) break;
        }
        fail_with_errno(name_, "cannot write beside it: ");
    }
    ~Temporary() {
        if (descriptor_ >= 0) ::close(descriptor_);
        if (!path_.empty()) ::unlink(path_.c_str());
    }
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;

    int descriptor() const { return descriptor_; }

    void rename_to(const fs::path& target) {
        if (::fsync(descriptor_) != 0) fail_with_errno(name_, "cannot bring it to disk: ");
        const int closed = ::close(std::exchange(descriptor_, -1));
        if (closed != 0) fail_with_errno(name_, "cannot close: ");
        if (::rename(path_.c_str(), target.c_str()) != 0) fail_with_errno(name_, "cannot replace: ");
        path_.clear();
    }

  private:
    std::string name_;
    fs::path path_;
    int descriptor_ = -1;
};

// A rename is an entry in the directory, which is on disk only once the directory is.
void bring_directory_to_disk(const fs::path& file) {
    const fs::path directory = file.has_parent_path() ? file.parent_path() : fs::path(".");
    const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;  // a directory may be writable and not readable; then there is no way to ask
    const int result = ::fsync(descriptor);
    const int error = errno;
    ::close(descriptor);
    errno = error;
    // EINVAL: this file system has no fsync for directories.
    if (result != 0 && error != EINVAL) fail_with_errno(directory.string(), "cannot bring it to disk: ");
}

}  // namespace

// O_NONBLOCK: opening a pipe must not wait for somebody to write. Regular files ignore it.
InputFile::InputFile(const fs::path& path)
    : name_(path.string()), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) fail_with_errno(name_);
    struct stat status {};
    const bool known = ::fstat(descriptor_, &status) == 0;
    if (known && S_ISREG(status.st_mode)) {
        size_ = static_cast<uint64_t>(status.st_size);
        return;
    }
    const int error = known ? (S_ISDIR(status.st_mode) ? EISDIR : 0) : errno;
    ::close(descriptor_);  // no destructor runs for an object that was never made
    errno = error;
    if (error != 0) fail_with_errno(name_);
    fail("[file] {}: not a regular file", name_);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(uint64_t offset, void* to, size_t bytes) const {
    check(offset <= size_ && bytes <= size_ - offset, "[file] {}: ends at byte {}, cannot read {} bytes from {}", name_,
          size_, bytes, offset);
    auto* next = static_cast<char*>(to);
    while (bytes > 0) {
        const ssize_t count = ::pread(descriptor_, next, std::min(bytes, most_at_once), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_with_errno(name_, "cannot read: ");
        check(count > 0, "[file] {}: became shorter than its {} bytes while it was read", name_, size_);
        next += count;
        offset += static_cast<uint64_t>(count);
        bytes -= static_cast<size_t>(count);
    }
}

std::string read_file(const fs::path& path) {
    const InputFile file(path);
    std::string contents(file.size(), '\0');
    file.read(0, contents.data(), contents.size());
    return contents;
}

void write_file_atomically(const fs::path& path, std::span<const std::string_view> parts) {
    std::error_code unreadable;
    const fs::path target = fs::is_symlink(path, unreadable) ? fs::canonical(path, unreadable) : path;
    check(!target.empty(), "[file] {}: {}", path.string(), unreadable.message());
    struct stat old {};
    const bool exists = ::stat(target.c_str(), &old) == 0;
    // Renaming over a device such as /dev/null would replace the device.
    check(!exists || S_ISREG(old.st_mode), "[file] {}: {}", path.string(),
          S_ISDIR(old.st_mode) ? std::generic_category().message(EISDIR) : "not a regular file");

    Temporary temporary(target);
    for (const std::string_view part : parts) write_all(temporary.descriptor(), part, path.string());
    if (exists && ::fchmod(temporary.descriptor(), old.st_mode & 07777) != 0)
        fail_with_errno(path.string(), "cannot keep its permissions: ");
    temporary.rename_to(target);
    bring_directory_to_disk(target);
}

void write_file_atomically(const fs::path& path, std::string_view contents) {
    write_file_atomically(path, std::span<const std::string_view>(&contents, 1));
}

}  // namespace swingrad
