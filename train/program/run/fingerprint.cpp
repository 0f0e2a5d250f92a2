#include "train/program/run/fingerprint.h"

#include "core/io/file.h"
#include "train/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace swingrad {
namespace {

const std::string of_files = "files:";

class Hash {
  public:
    void add(const void* data, size_t bytes) {
        const char* at = static_cast<const char*>(data);
        for (; bytes > 0; at += word_bytes(bytes), bytes -= word_bytes(bytes)) {
            uint64_t word = 0;
            std::memcpy(&word, at, word_bytes(bytes));
            value_ = (std::rotl(value_, 23) ^ word) * 0x9e3779b97f4a7c15;  // odd: nothing is lost
        }
    }
    void add(const std::string& text) { add(text.data(), text.size()); }
    void add(const Tensor& tensor) {
        const std::string shape = fmt::format("{}", tensor.shape());
        add(shape);
        add(tensor.address(), tensor.bytes());
    }
    std::string text() const { return fmt::format("{:016x}", value_); }

  private:
    static size_t word_bytes(size_t bytes) { return std::min(bytes, sizeof(uint64_t)); }
    uint64_t value_ = 0xcbf29ce484222325;
};

void add(Hash& hash, const Samples& samples) {
    constexpr int64_t most_looked_at = 256;
    const int64_t count = std::min(samples.size(), most_looked_at);
    if (const Dataset* images = samples.images()) {
        if (const Pictures* pictures = images->pictures.get()) {
            for (int64_t i = 0; i < samples.size(); ++i) hash.add(pictures->identity(i));
            for (int64_t i = 0; i < count; ++i) hash.add(pictures->read(i * samples.size() / count));
        } else {
            hash.add(images->images);
        }
        hash.add(images->labels.data(), images->labels.size() * sizeof(int64_t));
        if (const Pictures* masks = images->masks.get()) {
            for (int64_t i = 0; i < samples.size(); ++i) hash.add(masks->identity(i));
            for (int64_t i = 0; i < count; ++i) hash.add(masks->read(i * samples.size() / count));
        }
        return;
    }
    for (int64_t i = 0; i < count; ++i) {
        const int64_t index[] = {i * samples.size() / count};
        const Batch batch = samples.batch(index, nullptr);
        hash.add(batch.inputs);
        hash.add(batch.targets);
    }
}

}  // namespace

std::string fingerprint_of(const Samples& training, const Samples* validation) {
    Hash hash;
    add(hash, training);
    if (validation) add(hash, *validation);
    const auto has_pictures = [](const Samples* samples) {
        return samples && samples->images() && samples->images()->pictures;
    };
    return (has_pictures(&training) || has_pictures(validation) ? of_files : "") + hash.text();
}

bool fingerprints_differ(const std::string& before, const std::string& now) {
    const bool comparable = !before.empty() && before.starts_with(of_files) == now.starts_with(of_files);
    return comparable && before != now;
}

std::string fingerprint_of(std::string_view bytes) {
    Hash hash;
    hash.add(bytes.data(), bytes.size());
    return hash.text();
}

std::string fingerprint_of_files(const std::vector<std::filesystem::path>& files) {
    constexpr uint64_t most = 1 << 20;  // read at a time
    Hash hash;
    std::string bytes;
    for (const std::filesystem::path& path : files) {
        const InputFile file(path);
        for (uint64_t done = 0; done < file.size(); done += bytes.size()) {
            bytes.resize(std::min(most, file.size() - done));
            file.read(done, bytes.data(), bytes.size());
            hash.add(bytes);
        }
    }
    return hash.text();
}

}  // namespace swingrad
