// A run's numbers as event files, which TensorBoard shows: `tensorboard --logdir runs`.
//
// A file is a row of records, each an event in protobuf's encoding:
//
//   8 bytes   its length n, little-endian
//   4 bytes   checksum of these eight bytes
//   n bytes   the event
//   4 bytes   checksum of the event
//
// The checksum is CRC-32C, masked so that a checksum of checksums says something: turned right by 15 bits, and
// 0xa282ead8 added. Each start of a run makes a file of its own; TensorBoard reads all that lie in a folder as one run.
// Source: https://github.com/tensorflow/tensorflow, tensorflow/core/lib/io/record_writer.h and lib/hash/crc32c.h
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace swingrad {

// An event as a record of a file.
std::string record_of(std::string_view event);

class EventFile {
  public:
    // A new file in `folder`, events.out.tfevents.<seconds since 1970>.swingrad. The run goes on after so many steps:
    // what earlier files say of later ones is no longer true. Throws an Error where it cannot be written.
    EventFile(const std::filesystem::path& folder, int64_t steps_done);

    // What a line of log.jsonl says, of an epoch or of the test: losses, accuracies, rate, gradient norm, throughput.
    void add(const nlohmann::json& line, int64_t steps_done);

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace swingrad
