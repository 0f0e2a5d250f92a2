#include "train/program/tensorboard/event_file.h"

#include "core/io/checksum.h"
#include "core/io/file.h"
#include "train/program/tensorboard/event_messages.h"

#include <chrono>
#include <cmath>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

std::string little_endian(uint64_t value, size_t bytes) {
    std::string text;
    for (size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
}

std::string masked_checksum(std::string_view bytes) {
    const uint32_t checksum = crc32c(bytes);
    return little_endian(static_cast<uint32_t>((checksum >> 15 | checksum << 17) + 0xa282ead8u), 4);
}

double seconds_since_1970() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// The tag of a number of the log; empty of one that is not shown.
std::string tag_of(const std::string& name) {
    for (const std::string set : {"train", "validation", "test"})
        for (const std::string what : {"loss", "accuracy"})
            if (name == set + "_" + what) return what + "/" + set;
    if (name == "learning_rate" || name == "gradient_norm" || name == "epoch" || name == "skipped_steps") return name;
    return name.ends_with("_per_s") ? "throughput/" + name : "";
}

}  // namespace

std::string record_of(std::string_view event) {
    const std::string length = little_endian(event.size(), 8);
    return length + masked_checksum(length) + std::string(event) + masked_checksum(event);
}

EventFile::EventFile(const fs::path& folder, int64_t steps_done) {
    const double now = seconds_since_1970();
    const std::string name = fmt::format("events.out.tfevents.{:010}.swingrad", static_cast<int64_t>(now));
    path_ = folder / name;
    for (int i = 1; fs::exists(path_); ++i) path_ = folder / fmt::format("{}.{}", name, i);
    append_to_file(path_, record_of(version_event(now)) + record_of(start_event(now, steps_done + 1)));
}

void EventFile::add(const nlohmann::json& line, int64_t steps_done) {
    Scalars scalars;
    for (const auto& [name, value] : line.items())
        if (const std::string tag = tag_of(name); !tag.empty() && value.is_number())
            scalars.emplace_back(tag, value.get<double>());
    append_to_file(path_, record_of(scalars_event(seconds_since_1970(), steps_done, scalars)));
}

}  // namespace swingrad
