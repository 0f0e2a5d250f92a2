// A run's event file, which must not stand in the way of what it tells of.
#pragma once

#include "train/program/tensorboard/event_file.h"

#include <functional>
#include <optional>
#include <string>

namespace swingrad {

class RunEvents {
  public:
    // Throws a UsageError unless the program can write events.
    static void require_possible();

    // What cannot be written is said by `warn`, once, and nothing more is written.
    using Warn = std::function<void(const std::string&)>;
    void begin(const std::filesystem::path& folder, int64_t steps_done, Warn warn);
    // Nothing before begin().
    void add(const nlohmann::json& line, int64_t steps_done);

  private:
    std::optional<EventFile> file_;
    Warn warn_;
};

}  // namespace swingrad
