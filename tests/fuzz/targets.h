// What is read from strangers, each reader as a function of bytes. A target returns whatever the bytes are, or lets out
// something that no reader may: another exception than swingrad::Error, an Error of several lines, a broken promise.
// libfuzzer.cpp runs one with bytes that a fuzzer makes up; tests/train/program/test_fuzz.cpp runs all with seeds and
// past findings.
#pragma once

#include "core/error.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace swingrad::fuzz {

using Bytes = std::span<const uint8_t>;

void safetensors(Bytes file);  // core/io/safetensors.h
void checkpoint(Bytes file);   // train/loop/checkpoint.h
void cifar(Bytes file);        // train/data/cifar.cpp; the first byte chooses which file it is
void image(Bytes file);        // train/program/images/image_file.h
void config(Bytes file);       // models/swin/config.h and train/loop/recipe.h
void run_config(Bytes file);   // a run's config.json: train/program/run/run_folder.h
void run_log(Bytes file);      // a run's log.jsonl: train/program/report/log_table.h
void cells(Bytes file);        // an experiment's cells.json: train/experiments/harness/cells.h
void names(Bytes file);        // tensors' names, one a line: models/swin/checkpoint_names.h

struct Target {
    const char* name;
    void (*run)(Bytes);
};
inline constexpr std::array<Target, 9> targets{{{"safetensors", safetensors},
                                                {"checkpoint", checkpoint},
                                                {"cifar", cifar},
                                                {"image", image},
                                                {"config", config},
                                                {"run_config", run_config},
                                                {"run_log", run_log},
                                                {"cells", cells},
                                                {"names", names}}};

// What to begin with: small right inputs of a target, made by the program's own writers or taken from tests/fixtures.
std::vector<std::string> seeds(const std::string& target);

// Not an Error: what a target throws where a promise is broken.
class Broken : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};
inline void promise(bool kept, const std::string& what) {
    if (!kept) throw Broken(what);
}

// Calls `read`, and returns whether it came to its end. An Error is an answer like any other, if it is one line.
template <class Read>
bool reads(Read&& read) {
    try {
        read();
        return true;
    } catch (const Error& error) {
        promise(std::string(error.what()).find('\n') == std::string::npos, "an error of several lines");
        return false;
    }
}

// A file that lies in memory and has a path.
class MemoryFile {
  public:
    MemoryFile();
    ~MemoryFile();
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    const std::filesystem::path& path() const { return path_; }
    void write(Bytes contents) const;

  private:
    int descriptor_;
    std::filesystem::path path_;
};

// A safetensors file begins with the length of its header, which bytes that are made up seldom get right. Calls `read`
// with `file`, and where that differs, with the length mended: the header then ends at the last closing brace.
void with_length_mended_too(Bytes file, void (*read)(Bytes));

}  // namespace swingrad::fuzz
