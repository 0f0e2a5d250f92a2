// Whole files: read with every error named, and written so that a reader sees the old contents or the new, never
// half of either.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace swingrad {

// A regular file, open for reading. Anything else (a directory, a pipe, a device) is refused: its size says nothing
// about what it will deliver. All errors: "[file] weights.safetensors: No such file or directory".
class InputFile {
  public:
    explicit InputFile(const std::filesystem::path& path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    uint64_t size() const { return size_; }  // as it was on opening
    // Bytes [offset, offset + bytes) into `to`. Throws where the file ends before.
    void read(uint64_t offset, void* to, size_t bytes) const;

  private:
    std::string name_;
    int descriptor_ = -1;
    uint64_t size_ = 0;
};

std::string read_file(const std::filesystem::path& path);

// Makes `path` a file that holds `parts`, one after the other: they are written to a new file in the same directory,
// brought to disk (fsync) and renamed over `path`; then the directory is brought to disk. On any failure `path` is as
// it was and the new file is gone. An existing file's permissions are kept, and a symbolic link is followed.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> parts);
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

}  // namespace swingrad
