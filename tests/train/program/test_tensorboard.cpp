// Event files, read back by a parser that shares nothing with the writer but the checksum.

#include "core/io/checksum.h"
#include "core/io/file.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/program/tensorboard/event_file.h"
#include "train/program/tensorboard/event_messages.h"
#include "train/program/tensorboard/run_events.h"

#include <cstring>
#include <map>
#include <vector>

using namespace swingrad;
using namespace swingrad::test;

namespace {

template <class T>
T number_at(const std::string& bytes, size_t place) {
    T value;
    REQUIRE(place + sizeof value <= bytes.size());
    std::memcpy(&value, bytes.data() + place, sizeof value);
    return value;
}

// What a masked checksum says, by undoing the mask.
uint32_t unmasked(uint32_t masked) {
    const uint32_t turned = masked - 0xa282ead8u;
    return turned << 15 | turned >> 17;
}

std::vector<std::string> events_in(const std::string& file) {
    std::vector<std::string> events;
    for (size_t place = 0; place < file.size();) {
        const auto length = number_at<uint64_t>(file, place);
        REQUIRE(unmasked(number_at<uint32_t>(file, place + 8)) == crc32c(file.substr(place, 8)));
        events.push_back(file.substr(place + 12, length));
        REQUIRE(events.back().size() == length);
        REQUIRE(unmasked(number_at<uint32_t>(file, place + 12 + length)) == crc32c(events.back()));
        place += 16 + length;
    }
    return events;
}

// A message of protobuf: the bytes of each field, numbers as eight bytes.
std::multimap<uint64_t, std::string> fields_of(const std::string& message) {
    std::multimap<uint64_t, std::string> fields;
    size_t place = 0;
    const auto varint = [&] {
        uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            const auto byte = static_cast<unsigned char>(message.at(place++));
            value |= uint64_t{byte & 0x7fu} << shift;
            if (byte < 0x80) return value;
        }
    };
    while (place < message.size()) {
        const uint64_t key = varint();
        std::string bytes;
        if (key % 8 == 0) {
            const uint64_t value = varint();
            bytes.assign(reinterpret_cast<const char*>(&value), sizeof value);
        } else {
            const size_t length = key % 8 == 1 ? 8 : key % 8 == 5 ? 4 : varint();
            bytes = message.substr(place, length);
            REQUIRE(bytes.size() == length);
            place += length;
        }
        fields.emplace(key / 8, bytes);
    }
    return fields;
}

std::string field(const std::string& message, uint64_t number) {
    const auto fields = fields_of(message);
    REQUIRE(fields.count(number) == 1);
    return fields.find(number)->second;
}

std::map<std::string, float> scalars_in(const std::string& event) {
    std::map<std::string, float> scalars;
    const auto values = fields_of(field(event, 5));
    for (auto [one, end] = values.equal_range(1); one != end; ++one)
        scalars[field(one->second, 1)] = number_at<float>(field(one->second, 2), 0);
    return scalars;
}

}  // namespace

TEST_CASE("a record is its length, its bytes and their masked checksums") {
    // CRC-32C of "123456789" is 0xe3069283, by RFC 3720's check value.
    const std::string record = record_of("123456789");
    REQUIRE(record.size() == 8 + 4 + 9 + 4);
    REQUIRE(number_at<uint64_t>(record, 0) == 9);
    REQUIRE(record.substr(12, 9) == "123456789");
    REQUIRE(number_at<uint32_t>(record, 21) ==
            static_cast<uint32_t>((0xe3069283u >> 15 | 0xe3069283u << 17) + 0xa282ead8u));
    REQUIRE(events_in(record + record_of("")) == std::vector<std::string>{"123456789", ""});
}

TEST_CASE("a run's lines become scalars at their steps, in a new file for each start") {
    if (!has_event_messages()) {
        REQUIRE(contains(error_of([] { RunEvents::require_possible(); }), "built without protobuf's library"));
        return;
    }
    const TemporaryDirectory directory;
    EventFile first(directory.path(), 0);
    first.add({{"epoch", 1},
               {"step", 30},
               {"train_loss", 2.5},
               {"validation_accuracy", 40.25},
               {"learning_rate", 0.001},
               {"images_per_s", 100.5},
               {"seconds", 3},
               {"weights_of_epoch", 1},
               {"train_accuracy", nullptr}},
              30);
    first.add({{"test_loss", 1.5}, {"weights_of_epoch", 1}}, 60);
    const std::vector<std::string> events = events_in(read_file(first.path()));
    REQUIRE(events.size() == 4);
    REQUIRE(field(events[0], 3) == "brain.Event:2");
    REQUIRE(number_at<double>(field(events[0], 1), 0) > 1.7e9);
    REQUIRE(number_at<int64_t>(field(field(events[1], 7), 1), 0) == 1);  // the start of a session
    REQUIRE(number_at<int64_t>(field(events[1], 2), 0) == 1);
    REQUIRE(number_at<int64_t>(field(events[2], 2), 0) == 30);
    REQUIRE(scalars_in(events[2]) == std::map<std::string, float>{{"epoch", 1},
                                                                  {"loss/train", 2.5f},
                                                                  {"accuracy/validation", 40.25f},
                                                                  {"learning_rate", 0.001f},
                                                                  {"throughput/images_per_s", 100.5f}});
    REQUIRE(number_at<int64_t>(field(events[3], 2), 0) == 60);
    REQUIRE(scalars_in(events[3]) == std::map<std::string, float>{{"loss/test", 1.5f}});

    const std::string before = read_file(first.path());
    EventFile second(directory.path(), 30);
    REQUIRE(second.path() != first.path());
    REQUIRE(second.path().filename().string() > first.path().filename().string());
    REQUIRE(read_file(first.path()) == before);
    REQUIRE(number_at<int64_t>(field(events_in(read_file(second.path()))[1], 2), 0) == 31);
}

TEST_CASE("events that cannot be written are told once and stop nothing") {
    if (!has_event_messages()) return;
    const TemporaryDirectory directory;
    std::vector<std::string> said;
    const auto warn = [&](const std::string& line) { said.push_back(line); };
    RunEvents none;
    none.add({{"train_loss", 1.0}}, 1);  // of a run that asked for none
    RunEvents nowhere;
    nowhere.begin(directory / "nowhere", 0, warn);
    nowhere.add({{"train_loss", 1.0}}, 1);
    REQUIRE(said.size() == 1);
    REQUIRE(contains(said[0], "No events for TensorBoard: "));
    RunEvents removed;
    const std::filesystem::path folder = directory / "removed";
    std::filesystem::create_directory(folder);
    removed.begin(folder, 0, warn);
    std::filesystem::remove_all(folder);
    removed.add({{"train_loss", 1.0}}, 1);
    removed.add({{"train_loss", 1.0}}, 2);
    REQUIRE(said.size() == 2);
    REQUIRE(contains(said[1], "No more events for TensorBoard: "));
}
