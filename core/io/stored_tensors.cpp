#include "core/io/stored_tensors.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "core/io/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_files = 1000;
constexpr std::string_view ending = ".safetensors", index_ending = ".safetensors.index.json", map_key = "weight_map";

// ---- which files

struct Files {
    std::vector<fs::path> paths;
    std::map<std::string, std::string> index;  // which tensors there must be, and in which file; empty: none says
};

Files of_index(const fs::path& path, const nlohmann::json& index) {
    const std::string heading = "[safetensors] " + path.string();
    const nlohmann::json& places = index[map_key];
    check(places.is_object() && !places.empty(), "{}: {} must be an object of file names, got {}", heading, map_key,
          json_text(places));
    Files files;
    std::set<std::string> names;
    for (const auto& [tensor, file] : places.items()) {
        // Nothing but a name: an index has no business with other folders.
        const auto name = file.is_string() ? file.get<std::string>() : std::string();
        const bool plain = !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
        check(plain, "{}: tensor {} must be in a file beside it, got {}", heading, in_quotes(tensor), json_text(file));
        names.insert(name);
        files.index.emplace(tensor, name);
    }
    check(names.size() <= most_files, "{} names {} files, at most {} are possible", heading, names.size(), most_files);
    for (const std::string& name : names) {
        files.paths.push_back(path.parent_path() / name);
        std::error_code unknown;  // said by whoever opens it
        check(fs::exists(files.paths.back(), unknown) || unknown,
              "{} is the index of a model in {} files, of which {} is not beside it", heading, names.size(),
              in_quotes(name));
    }
    return files;
}

// A safetensors file has a NUL among its first eight bytes, the length of its header; JSON has none.
bool begins_like_json(const fs::path& path) {
    const InputFile file(path);
    std::string begin(std::min<uint64_t>(file.size(), 64), '\0');
    file.read(0, begin.data(), begin.size());
    const size_t brace = begin.find_first_not_of(" \t\r\n");
    return brace != std::string::npos && begin[brace] == '{' && begin.find('\0') == std::string::npos;
}

// One of the files of a model, numbered from 1.
struct Shard {
    std::string before, number_text, count_text;  // "model-", "00001", "00002"
    size_t number = 0, count = 0;

    std::string name_of(size_t n) const {
        return fmt::format("{}{:0{}}-of-{}{}", before, n, number_text.size(), count_text, ending);
    }
};

// "model-00001-of-00002.safetensors"
std::optional<Shard> shard_of(const std::string& name) {
    constexpr std::string_view between = "-of-";
    if (!name.ends_with(ending)) return {};
    const std::string stem = name.substr(0, name.size() - ending.size());
    const size_t at = stem.rfind(between);
    const size_t begin = at == std::string::npos ? at : stem.find_last_not_of("0123456789", at - 1);
    if (at == std::string::npos || at == 0 || begin == std::string::npos) return {};
    Shard shard{stem.substr(0, begin + 1), stem.substr(begin + 1, at - begin - 1), stem.substr(at + between.size())};
    const auto read = [](const std::string& text, size_t& value) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        return error == std::errc() && end == text.data() + text.size() && value > 0;
    };
    if (!read(shard.number_text, shard.number) || !read(shard.count_text, shard.count)) return {};
    return shard.number <= shard.count ? std::optional(shard) : std::nullopt;
}

bool is_shard(const std::string& name) { return shard_of(name).has_value(); }

// All files of a model that no index names, which lie in one folder.
Files of_shards(const fs::path& folder, const std::vector<std::string>& names) {
    const Shard first = *shard_of(names[0]);
    const std::string heading = "[safetensors] " + folder.string();
    check(first.count <= most_files, "{}: {} is of {} files, at most {} are possible", heading, in_quotes(names[0]),
          first.count, most_files);
    Files files;
    for (size_t n = 1; n <= first.count; ++n) {
        const std::string name = first.name_of(n);
        check(std::find(names.begin(), names.end(), name) != names.end(),
              "{} holds a model in {} files, of which {} is missing", heading, first.count, in_quotes(name));
        files.paths.push_back(folder / name);
    }
    for (const std::string& name : names)
        check(std::find(files.paths.begin(), files.paths.end(), folder / name) != files.paths.end(),
              "{}: {} is no file of the model that {} is of", heading, in_quotes(name), in_quotes(names[0]));
    return files;
}

std::vector<std::string> names_in(const fs::path& folder) {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
        names.push_back(entry->path().filename().string());
    check(!error, "[safetensors] {}: {}", folder.string(), error.message());
    std::sort(names.begin(), names.end());
    return names;
}

Files files_of(const fs::path& path);

Files of_folder(const fs::path& folder) {
    std::vector<std::string> indices, weights;
    bool pickled = false;
    for (const std::string& name : names_in(folder)) {
        if (name.ends_with(index_ending)) indices.push_back(name);
        if (name.ends_with(ending) && !name.starts_with('.')) weights.push_back(name);
        pickled = pickled || name.ends_with(".bin") || name.ends_with(".pth") || name.ends_with(".pt");
    }
    const auto model = std::find(weights.begin(), weights.end(), "model.safetensors");
    if (model != weights.end()) return {{folder / *model}, {}};
    if (indices.size() == 1) return files_of(folder / indices[0]);
    if (indices.empty() && !weights.empty() && std::all_of(weights.begin(), weights.end(), is_shard))
        return of_shards(folder, weights);
    if (weights.size() == 1) return {{folder / weights[0]}, {}};
    check(!weights.empty(), "[safetensors] {} is a folder with no .safetensors file in it{}", folder.string(),
          pickled ? ", but one of PyTorch's: convert that by the package safetensors" : "");
    fail("[safetensors] {} is a folder with {} .safetensors files; name one, such as {}", folder.string(),
         weights.size(), in_quotes(weights[0]));
}

Files files_of(const fs::path& path) {
    std::error_code unknown;  // said by whoever opens it
    if (fs::is_directory(path, unknown)) return of_folder(path);
    if (!begins_like_json(path)) return {{path}, {}};
    const nlohmann::json index = read_json_file(path);
    check(index.contains(map_key),
          "[safetensors] {} is JSON: neither safetensors nor the index of a model in several files, which has a {}",
          path.string(), map_key);
    return of_index(path, index);
}

// ---- what is in them

void add(const fs::path& path, StoredTensors& all) {
    const auto file = std::make_shared<const InputFile>(path);
    const std::string name = path.string();
    auto [header, text, data] = read_header(*file, name);
    for (PlacedTensor& one : header.tensors) {
        check(!all.tensors.contains(one.name), "[safetensors] {}: tensor {} is in another file of the model too", name,
              in_quotes(one.name));
        StoredTensor stored{one.type_name, {}, one.shape, {}};
        if (one.type) stored.dtype = one.type->dtype;
        std::string key = one.name;
        stored.read = [file, name, placed = std::move(one), data = data] {
            return read_tensor(*file, name, placed, data);
        };
        all.tensors.emplace(std::move(key), std::move(stored));
    }
    all.metadata.merge(header.metadata);
}

}  // namespace

std::string StoredTensor::text() const {
    return dtype ? fmt::format("{} {}", name_of(*dtype), shape) : fmt::format("{} {}", on_one_line(type), shape);
}

StoredTensors open_tensors(const fs::path& path) {
    const Files files = files_of(path);
    StoredTensors all;
    all.files = files.paths;
    for (const fs::path& file : files.paths) add(file, all);
    for (const auto& [name, file] : files.index)
        check(all.tensors.contains(name), "[safetensors] {}: tensor {} is not in {}", path.string(), in_quotes(name),
              in_quotes(file));
    return all;
}

void check_checksums(const StoredTensors& stored) {
    for (const fs::path& path : stored.files) check_checksum(path);
}

}  // namespace swingrad
