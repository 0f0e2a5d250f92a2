// Whole files: read with every error named, and written so that a reader sees the old contents or the new, never
// half of either.
#pragma once

#include "core/error.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace swingrad {

// The system refused a call about a file: what the file holds, and whether it is damaged, is not known.
class FileError : public Error {
  public:
    using Error::Error;
};

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

// The same for what is not in memory all at once: `write` is called with the new file. What it throws fails it, too.
class OutputFile {
  public:
    virtual ~OutputFile() = default;
    virtual void append(std::string_view bytes) = 0;
    // Of what was appended before.
    virtual void replace(uint64_t offset, std::string_view bytes) = 0;
};
void write_file_atomically(const std::filesystem::path& path, const std::function<void(OutputFile&)>& write);

// Adds `text` at the end of a file, made where there is none, and brings it to disk: a full disk shows only when one
// asks. A symbolic link is refused, and what is no regular file.
void append_to_file(const std::filesystem::path& path, std::string_view text);

// `next`, a file that is whole and on disk, becomes `current`, and what was `current` becomes `previous`, all in one
// folder. Killed at any moment, `current` is there, the old or the new. Where a file cannot have two names, there is no
// `previous`.
void replace_file(const std::filesystem::path& next, const std::filesystem::path& current,
                  const std::filesystem::path& previous);

// Makes the folder and those it lies in, and brings the entry of each to disk. Returns whether it was not there.
bool make_folders(const std::filesystem::path& path);
// The last of these alone: an Error where the folder that it is to lie in is not there.
bool make_folder(const std::filesystem::path& path);

}  // namespace swingrad
