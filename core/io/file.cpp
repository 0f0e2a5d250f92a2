#include "core/io/file.h"

#include "core/error.h"
#include "core/io/retried.h"

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
    throw FileError(fmt::format("[file] {}: {}{}", name, what, std::generic_category().message(errno)));
}

[[noreturn]] void fail_irregular(std::string_view name) { fail("[file] {}: not a regular file", name); }

void write_all(int descriptor, std::string_view bytes, const std::string& name) {
    while (!bytes.empty()) {
        const size_t count = std::min(bytes.size(), most_at_once);
        const ssize_t written = retried([&] { return ::write(descriptor, bytes.data(), count); });
        if (written < 0) fail_with_errno(name, "cannot write: ");
        check(written > 0, "[file] {}: cannot write: the system takes no byte", name);
        bytes.remove_prefix(static_cast<size_t>(written));
    }
}

void bring_to_disk(int descriptor, const std::string& name) {
    if (retried([&] { return ::fsync(descriptor); }) != 0) fail_with_errno(name, "cannot bring it to disk: ");
}

// Interrupted or not, the descriptor is gone afterwards; what was written is on disk before.
void close_written(int descriptor, const std::string& name) {
    if (::close(descriptor) != 0 && errno != EINTR) fail_with_errno(name, "cannot close: ");
}

void rename_file(const fs::path& from, const fs::path& to) {
    if (retried([&] { return ::rename(from.c_str(), to.c_str()); }) != 0)
        fail_with_errno(to.string(), "cannot replace: ");
}

// A new file beside the one it is to replace. Removed again unless it was renamed.
class Temporary : public OutputFile {
  public:
    explicit Temporary(const fs::path& target) : name_(target.string()) {
        static std::atomic<uint64_t> serial{0};
        constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
        // A name may be left over from a process that was killed, so a few are tried.
        for (int attempt = 0; attempt < 100; ++attempt) {
            // Not by replace_filename, which in GCC 12's library crashes where it finds no memory.
            path_ =
                target.parent_path() / fmt::format(".{}.{}-{}.tmp", target.filename().string(), ::getpid(), ++serial);
            descriptor_ = retried([&] { return ::open(path_.c_str(), flags, 0666); });
            if (descriptor_ >= 0) return;
            if (errno != EEXIST) break;
        }
        fail_with_errno(name_, "cannot write beside it: ");
    }
    ~Temporary() override {
        if (descriptor_ >= 0) ::close(descriptor_);
        if (!path_.empty()) ::unlink(path_.c_str());
    }
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;

    int descriptor() const { return descriptor_; }

    void append(std::string_view bytes) override { write_all(descriptor_, bytes, name_); }
    void replace(uint64_t offset, std::string_view bytes) override {
        const off_t end = ::lseek(descriptor_, 0, SEEK_CUR);
        if (end < 0 || ::lseek(descriptor_, static_cast<off_t>(offset), SEEK_SET) < 0)
            fail_with_errno(name_, "cannot go to a place in it: ");
        write_all(descriptor_, bytes, name_);
        if (::lseek(descriptor_, end, SEEK_SET) < 0) fail_with_errno(name_, "cannot go to a place in it: ");
    }

    void rename_to(const fs::path& target) {
        bring_to_disk(descriptor_, name_);
        close_written(std::exchange(descriptor_, -1), name_);
        rename_file(path_, target);
        path_.clear();
    }

  private:
    std::string name_;
    fs::path path_;
    int descriptor_ = -1;
};

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

// A name is an entry in its folder, which is on disk only once the folder is.
void bring_entry_to_disk(const fs::path& file) {
    const std::string folder = folder_of(file).string();
    const int descriptor = retried([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0 && errno == EACCES) return;  // writable and not readable: there is no way to ask
    if (descriptor < 0) fail_with_errno(folder, "cannot bring it to disk: ");
    const int result = retried([&] { return ::fsync(descriptor); });
    const int error = errno;
    ::close(descriptor);
    errno = error;
    // EINVAL: this file system has no fsync for folders.
    if (result != 0 && error != EINVAL) fail_with_errno(folder, "cannot bring it to disk: ");
}

// `asked`: the innermost of the folders, for messages.
bool make_folders_for(const fs::path& path, const std::string& asked, bool parents) {
    const fs::path folder = path.has_filename() ? path : path.parent_path();  // a/b/ is a/b
    std::error_code unknown;
    if (folder.empty() || fs::is_directory(folder, unknown)) return false;
    if (parents) make_folders_for(folder.parent_path(), asked, true);
    if (retried([&] { return ::mkdir(folder.c_str(), 0777); }) != 0) {
        const int error = errno;
        if (error == EEXIST && fs::is_directory(folder, unknown)) return false;  // made by somebody else meanwhile
        fail("[file] cannot create {}: {}", asked, std::generic_category().message(error));
    }
    bring_entry_to_disk(folder);
    return true;
}

// Whether `link` is now another name of `file`. Not every file system can give a file two names.
bool name_again(const fs::path& file, const fs::path& link) {
    ::unlink(link.c_str());  // left over from a process that was killed
    if (retried([&] { return ::link(file.c_str(), link.c_str()); }) == 0) return true;
    const bool impossible =
        errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK || errno == ENOENT;
    if (!impossible) fail_with_errno(file.string(), "cannot keep it by another name: ");
    return false;
}

}  // namespace

// O_NONBLOCK: opening a pipe must not wait for somebody to write. Regular files ignore it.
InputFile::InputFile(const fs::path& path)
    : name_(path.string()),
      descriptor_(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); })) {
    if (descriptor_ < 0 && errno == ENXIO) fail_irregular(name_);  // a socket
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
    fail_irregular(name_);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(uint64_t offset, void* to, size_t bytes) const {
    check(offset <= size_ && bytes <= size_ - offset, "[file] {}: ends at byte {}, cannot read {} bytes from {}", name_,
          size_, bytes, offset);
    auto* next = static_cast<char*>(to);
    while (bytes > 0) {
        const size_t most = std::min(bytes, most_at_once);
        const ssize_t count = retried([&] { return ::pread(descriptor_, next, most, static_cast<off_t>(offset)); });
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

void write_file_atomically(const fs::path& path, const std::function<void(OutputFile&)>& write) {
    struct stat old {};
    const bool exists = ::stat(path.c_str(), &old) == 0;
    // Renaming over a device such as /dev/null would replace the device. What a link leads to may have no name, as a
    // pipe has none.
    check(!exists || S_ISREG(old.st_mode), "[file] {}: {}", path.string(),
          S_ISDIR(old.st_mode) ? std::generic_category().message(EISDIR) : "not a regular file");
    std::error_code unreadable;
    const fs::path target = fs::is_symlink(path, unreadable) ? fs::canonical(path, unreadable) : path;
    check(!target.empty(), "[file] {}: {}", path.string(), unreadable.message());

    Temporary temporary(target);
    write(temporary);
    if (exists && retried([&] { return ::fchmod(temporary.descriptor(), old.st_mode & 07777); }) != 0)
        fail_with_errno(path.string(), "cannot keep its permissions: ");
    temporary.rename_to(target);
    bring_entry_to_disk(target);
}

void write_file_atomically(const fs::path& path, std::span<const std::string_view> parts) {
    write_file_atomically(path, [&](OutputFile& file) {
        for (const std::string_view part : parts) file.append(part);
    });
}

void write_file_atomically(const fs::path& path, std::string_view contents) {
    write_file_atomically(path, std::span<const std::string_view>(&contents, 1));
}

void append_to_file(const fs::path& path, std::string_view text) {
    const std::string name = path.string();
    // O_NONBLOCK: opening a pipe must not wait for somebody to read.
    constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    const int descriptor = retried([&] { return ::open(path.c_str(), flags, 0666); });
    if (descriptor < 0 && errno == ENXIO) fail_irregular(name);
    if (descriptor < 0) fail_with_errno(name, "cannot write: ");
    struct stat status {};
    if (::fstat(descriptor, &status) == 0 && !S_ISREG(status.st_mode)) {
        ::close(descriptor);
        fail_irregular(name);
    }
    const off_t end_before = ::lseek(descriptor, 0, SEEK_END);
    try {
        write_all(descriptor, text, name);
        bring_to_disk(descriptor, name);
    } catch (...) {
        (void)!::ftruncate(descriptor, end_before);  // no half of it; a reader passes over one all the same
        ::close(descriptor);
        throw;
    }
    close_written(descriptor, name);
    bring_entry_to_disk(path);
}

void replace_file(const fs::path& next, const fs::path& current, const fs::path& previous) {
    const fs::path between = current.parent_path() / fmt::format(".{}.tmp", previous.filename().string());
    if (name_again(current, between)) {
        rename_file(between, previous);
        ::unlink(between.c_str());  // rename leaves it where both are names of one file already
    }
    rename_file(next, current);
    bring_entry_to_disk(current);
}

bool make_folders(const fs::path& path) { return make_folders_for(path, path.string(), true); }
bool make_folder(const fs::path& path) { return make_folders_for(path, path.string(), false); }

}  // namespace swingrad
