#include "train/experiments/harness/cells.h"

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/json_file.h"
#include "train/program/console/interrupt.h"

#include <cctype>
#include <chrono>
#include <cstdint>
#include <limits>

namespace swingrad {
namespace {

using nlohmann::json;

bool is_entry(const json& entry) {
    return entry.is_object() && entry.contains("configuration") && entry.contains("result");
}

}  // namespace

void stop_if_interrupted() {
    if (interrupted()) throw ExperimentStopped{};
}

CellCache::CellCache(std::filesystem::path file) : file_(std::move(file)) {
    if (!std::filesystem::exists(file_)) return;
    kept_ = read_json_file(file_);
    check(kept_.is_array(), "[experiment] {}: expected a list of results, got {}", file_.string(), kept_.type_name());
    for (const json& entry : kept_)
        check(is_entry(entry), "[experiment] {}: expected objects with a configuration and a result, got {}",
              file_.string(), entry.type_name());
}

// A handful of entries is searched as they come; comparing them whole leaves no room for a wrong match.
const json* CellCache::find(const json& configuration) const {
    for (const json& entry : kept_)
        if (entry["configuration"] == configuration) return &entry["result"];
    return nullptr;
}

std::vector<json> CellCache::results_of(const std::vector<Cell>& cells, Progress& progress) {
    using Clock = std::chrono::steady_clock;
    std::vector<json> results;
    for (const Cell& cell : cells) {
        // As it will be read from the file, where NaN is null and a float is the text it is written as.
        const json configuration = json::parse(cell.configuration.dump());
        if (const json* kept = find(configuration)) {
            results.push_back(*kept);
            continue;
        }
        stop_if_interrupted();
        progress.line(fmt::format("{} of {}: {}", results.size() + 1, cells.size(), cell.label));
        const auto start = Clock::now();
        results.push_back(json::parse(cell.measure().dump()));
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        kept_.push_back({{"configuration", configuration}, {"result", results.back()}, {"seconds", seconds}});
        write_file_atomically(file_, kept_.dump(1) + "\n");
        ++measured_;
    }
    return results;
}

// By FNV-1a, which is the same on every machine, folded to 32 bits.
std::string file_name_of(const std::string& label, const json& configuration) {
    std::string name;
    for (const unsigned char c : label)
        if (std::isalnum(c)) name += static_cast<char>(std::tolower(c));
        else if (!name.empty() && name.back() != '-') name += '-';
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char byte : configuration.dump()) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
    return fmt::format("{}-{:08x}", name, static_cast<uint32_t>(hash ^ (hash >> 32)));
}

double number_of(const json& result, const char* name) {
    const json& value = result.at(name);
    return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace swingrad
