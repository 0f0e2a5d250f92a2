#include "train/program/images/picture_files.h"

#include "train/data/sources.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

class PictureFiles final : public Pictures {
  public:
    PictureFiles(std::vector<PictureFile> files, bool ignore_exif)
        : files_(std::move(files)), ignore_exif_(ignore_exif) {}

    int64_t size() const override { return static_cast<int64_t>(files_.size()); }
    Extent extent(int64_t index) const override { return at(index).header.extent; }
    Tensor read(int64_t index) const override {
        const PictureFile& file = at(index);
        std::error_code error;
        const uintmax_t bytes = fs::file_size(file.path, error);
        check(error || bytes == file.header.bytes, "[image] {}: changed meanwhile: {} bytes, before {}",
              file.path.string(), bytes, file.header.bytes);
        return read_image(file.path, {.ignore_exif = ignore_exif_});
    }
    std::string identity(int64_t index) const override {
        return fmt::format("{} {}", at(index).name, at(index).header.bytes);
    }

  private:
    const PictureFile& at(int64_t index) const { return files_.at(static_cast<size_t>(index)); }
    const std::vector<PictureFile> files_;
    const bool ignore_exif_;
};

// The number that stands first in a file, or after `key`; none where there is no such file, or no number.
int64_t number_in(const char* path, const std::string& key, int64_t none) {
    std::ifstream file(path);
    for (std::string word; file >> word;) {
        int64_t number = 0;
        if (!key.empty() && word != key) continue;
        if (!key.empty()) return file >> number ? number : none;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        return error == std::errc() && end == word.data() + word.size() ? number : none;
    }
    return none;
}

std::string size_text(int64_t bytes) {
    constexpr double mega = 1e6, giga = 1e9;
    const auto count = static_cast<double>(bytes);
    return count < giga ? fmt::format("{:.1f} MB", count / mega) : fmt::format("{:.1f} GB", count / giga);
}

}  // namespace

SharedPictures pictures_in(std::vector<PictureFile> files, bool ignore_exif) {
    return std::make_shared<PictureFiles>(std::move(files), ignore_exif);
}

// A group's own use counts without the files that the system keeps for it, which it gives back when asked.
int64_t free_memory() {
    constexpr int64_t all = std::numeric_limits<int64_t>::max();
    const int64_t kilobytes = number_in("/proc/meminfo", "MemAvailable:", all / 1024);
    const int64_t limit = number_in("/sys/fs/cgroup/memory.max", "", all);
    const int64_t used = number_in("/sys/fs/cgroup/memory.stat", "anon", 0);
    return std::max<int64_t>(0, std::min(kilobytes * 1024, limit - used));
}

bool keeps(Cache cache, int64_t bytes) {
    return cache == Cache::automatic ? bytes <= free_memory() / 2 : cache == Cache::ram;
}

std::string text_of_pictures(const Dataset& data) {
    if (!data.pictures || data.size() == 0) return "";
    const auto [least, most] = extents_of(*data.pictures);
    const std::string sizes = least == most ? text_of(least) : fmt::format("{} to {}", text_of(least), text_of(most));
    const std::string bytes = size_text(bytes_decoded(*data.pictures));
    return data.pictures->in_memory() ? fmt::format("{} pixels, {} decoded once and kept (cache: ram)", sizes, bytes)
                                      : fmt::format("{} pixels, {} decoded in every epoch (cache: none)", sizes, bytes);
}

}  // namespace swingrad
