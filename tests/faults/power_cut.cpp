// A disk that keeps nothing but what was brought to it. After each fsync about a folder, what a power cut at that
// moment may leave is put into CUT_STATES/<number>-<kind>: files with the contents of their last fsync, and in the
// folder the names of
//   lazy: the folder's own last fsync;
//   eager: now, as a disk may write names on its own.
// A file that was never brought to disk is there, empty. Interposed by LD_PRELOAD; folders within are left out.

#include "tests/faults/folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

namespace {

namespace fs = std::filesystem;

// A file for as long as it is there. Its number alone may be that of one which is gone: so the time of its birth, too.
using File = std::tuple<uint64_t, int64_t, uint32_t>;

std::optional<File> regular_file(const fs::path& path) {
    struct statx status {};
    if (statx(AT_FDCWD, path.c_str(), 0, STATX_TYPE | STATX_INO | STATX_BTIME, &status) != 0) return {};
    if (!S_ISREG(status.stx_mode)) return {};
    return File{status.stx_ino, status.stx_btime.tv_sec, status.stx_btime.tv_nsec};
}

class Disk {
  public:
    void brought(int descriptor) {
        const std::lock_guard guard(mutex_);
        const std::string path = path_of(descriptor);
        if (const auto file = regular_file(path)) keep(*file, path);
        else if (path == watched()) names_ = names_now();
        ++number_;
        lay_out("lazy", names_);
        lay_out("eager", names_now());
    }

  private:
    using Names = std::map<std::string, File>;

    static Names names_now() {
        Names names;
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(watched(), error))
            if (const auto file = regular_file(entry.path())) names[entry.path().filename().string()] = *file;
        return names;
    }

    // A copy of its own each time: states hold links to it.
    void keep(const File& file, const std::string& path) {
        const fs::path copy = states_ / "contents" / std::to_string(++copies_);
        fs::create_directories(copy.parent_path());
        fs::copy_file(path, copy);
        contents_[file] = copy;
    }

    void lay_out(const char* kind, const Names& names) {
        const fs::path state = states_ / (std::to_string(number_) + "-" + kind);
        fs::create_directories(state);
        for (const auto& [name, file] : names) {
            const auto found = contents_.find(file);
            if (found != contents_.end()) fs::create_hard_link(found->second, state / name);
            else std::fclose(std::fopen((state / name).c_str(), "w"));
        }
    }

    const fs::path states_ = setting("CUT_STATES");
    std::mutex mutex_;
    std::map<File, fs::path> contents_;
    Names names_;
    long number_ = 0, copies_ = 0;
};

}  // namespace

extern "C" int fsync(int descriptor) {
    const int result = real<int(int)>("fsync")(descriptor);
    static Disk disk;
    if (is_watched(descriptor)) disk.brought(descriptor);
    return result;
}
