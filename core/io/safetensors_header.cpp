#include "core/io/safetensors_header.h"

#include "core/io/file_kind.h"
#include "core/io/quotes.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>

namespace swingrad {
namespace {

// ---- reading the header
//
// The parser calls one function a JSON token. It keeps no document, and a token that stands where it must not ends
// the reading at once: no nesting is deeper than the four levels a header has, and a name that comes twice is seen.

struct Declared {  // one tensor, as the header has it
    std::optional<std::string> dtype;
    std::optional<std::vector<uint64_t>> shape, offsets;
};

class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit HeaderReader(std::string file) : file_(std::move(file)) {}

    std::map<std::string, Declared> declared;
    std::map<std::string, std::string> metadata;

    bool null() override {
        // Writers that have no metadata to write may write this.
        if (at_ == At::top && name_ == metadata_key) return true;
        misplaced("null");
    }
    bool boolean(bool value) override { misplaced(value ? "true" : "false"); }
    bool number_integer(int64_t value) override { misplaced(std::to_string(value)); }  // the negative ones
    bool number_float(double, const std::string& text) override { misplaced(text.substr(0, 40)); }
    bool binary(nlohmann::json::binary_t&) override { misplaced("bytes"); }  // JSON has none
    bool number_unsigned(uint64_t value) override {
        if (at_ != At::list || value > INT64_MAX) misplaced(std::to_string(value));
        list_->push_back(value);
        return true;
    }
    bool string(std::string& value) override {
        if (at_ == At::metadata) metadata.emplace(key_, value);
        else if (at_ == At::tensor && key_ == "dtype") tensor_->dtype = value;
        else misplaced(in_quotes(value));
        return true;
    }

    bool start_object(size_t) override {
        if (at_ == At::start) at_ = At::top;
        else if (at_ == At::top) at_ = name_ == metadata_key ? At::metadata : At::tensor;
        else misplaced("an object");
        return true;
    }
    bool key(std::string& key) override {
        if (at_ == At::top) open(key);
        else if (at_ == At::metadata) check(!metadata.contains(key), "{} has {} twice", place(), in_quotes(key));
        else check_tensor_key(key);
        key_ = key;
        return true;
    }
    bool end_object() override {
        at_ = at_ == At::top ? At::end : At::top;
        return true;
    }

    bool start_array(size_t) override {
        if (at_ != At::tensor || key_ == "dtype") misplaced("a list");
        list_ = &(key_ == "shape" ? tensor_->shape : tensor_->offsets).emplace();
        at_ = At::list;
        return true;
    }
    bool end_array() override {
        at_ = At::tensor;
        return true;
    }

    bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
        fail("[safetensors] {}: the header is not JSON, at byte {} of it", file_, position);
    }

  private:
    enum class At { start, top, metadata, tensor, list, end };

    void open(const std::string& name) {
        name_ = name;
        if (name == metadata_key) {
            check(!seen_metadata_, "[safetensors] {}: {} comes twice", file_, metadata_key);
            seen_metadata_ = true;
            return;
        }
        const auto [entry, fresh] = declared.try_emplace(name);
        check(fresh, "[safetensors] {}: tensor {} comes twice", file_, in_quotes(name));
        tensor_ = &entry->second;
    }

    void check_tensor_key(const std::string& key) const {
        check(key == "dtype" || key == "shape" || key == "data_offsets", "{} has an unknown key {}", place(),
              in_quotes(key));
        const bool twice = key == "dtype"   ? tensor_->dtype.has_value()
                           : key == "shape" ? tensor_->shape.has_value()
                                            : tensor_->offsets.has_value();
        check(!twice, "{} has {} twice", place(), in_quotes(key));
    }

    std::string place() const {
        if (at_ == At::start) return fmt::format("[safetensors] {}: the header", file_);
        if (name_ == metadata_key) return fmt::format("[safetensors] {}: {}", file_, metadata_key);
        return fmt::format("[safetensors] {}: tensor {}", file_, in_quotes(name_));
    }

    [[noreturn]] void misplaced(std::string_view what) const {
        switch (at_) {
            case At::metadata: fail("{}: {} must be a string, got {}", place(), in_quotes(key_), what);
            case At::list: fail("{}: {} must hold whole numbers from 0 to 2^63 - 1, got {}", place(), key_, what);
            case At::tensor:
                fail("{}: {} must be {}, got {}", place(), key_, key_ == "dtype" ? "a string" : "a list of numbers",
                     what);
            default: fail("{} must be an object, got {}", place(), what);
        }
    }

    std::string file_;
    At at_ = At::start;
    std::string name_, key_;  // of the tensor, and within it
    bool seen_metadata_ = false;
    Declared* tensor_ = nullptr;
    std::vector<uint64_t>* list_ = nullptr;
};

// ---- from what was declared to checked places in the data

PlacedTensor placed(const std::string& file, const std::string& name, const Declared& declared, uint64_t data_bytes) {
    const std::string where = fmt::format("[safetensors] {}: tensor {}", file, in_quotes(name));
    check(declared.dtype.has_value(), "{} has no dtype", where);
    check(declared.shape.has_value(), "{} has no shape", where);
    check(declared.offsets.has_value(), "{} has no data_offsets", where);

    const auto type =
        std::find_if(file_types.begin(), file_types.end(), [&](auto& t) { return t.name == *declared.dtype; });
    check(declared.offsets->size() == 2, "{}: data_offsets must be two numbers, got {}", where,
          declared.offsets->size());
    const uint64_t begin = (*declared.offsets)[0], end = (*declared.offsets)[1];
    check(begin <= end, "{} begins at byte {} and ends before, at {}", where, begin, end);
    check(end <= data_bytes, "{} ends at byte {} of {}: the file is cut off", where, end, data_bytes);

    check(declared.shape->size() <= Shape::max_rank, "{} has {} axes, at most {} are possible", where,
          declared.shape->size(), int{Shape::max_rank});
    const Shape shape(std::vector<int64_t>(declared.shape->begin(), declared.shape->end()));
    if (type == file_types.end()) return {name, *declared.dtype, {}, shape, begin, end};
    uint64_t bytes = type->bytes;
    bool overflow = false;
    for (const int64_t size : shape) overflow |= __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes);
    check(!overflow, "{}: {} of {} is larger than any file", where, type->name, shape);
    check(bytes == end - begin, "{}: {} of {} takes {} bytes, data_offsets give it {}", where, type->name, shape, bytes,
          end - begin);
    return {name, *declared.dtype, *type, shape, begin, end};
}

// In order of their place in the data, which they must cover exactly.
std::vector<PlacedTensor> layout(const std::string& file, const HeaderReader& header, uint64_t data_bytes) {
    std::vector<PlacedTensor> all;
    for (const auto& [name, declared] : header.declared) all.push_back(placed(file, name, declared, data_bytes));
    std::sort(all.begin(), all.end(), [](const PlacedTensor& a, const PlacedTensor& b) {
        return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    uint64_t covered = 0;
    const PlacedTensor* previous = nullptr;
    for (const PlacedTensor& one : all) {
        if (one.begin < covered)
            fail("[safetensors] {}: tensor {} begins at byte {}, inside tensor {}, which ends at {}", file,
                 in_quotes(one.name), one.begin, in_quotes(previous->name), previous->end);
        check(one.begin == covered, "[safetensors] {}: bytes {} to {}, before tensor {}, belong to no tensor", file,
              covered, one.begin, in_quotes(one.name));
        covered = one.end;
        previous = &one;
    }
    check(covered == data_bytes, "[safetensors] {}: bytes {} to {}, at the end, belong to no tensor", file, covered,
          data_bytes);
    return all;
}

// A header's length that can be, and a brace behind it, no other kind of file begins with.
void refuse_what_is_no_safetensors(const InputFile& file, const std::string& name) {
    std::string begin(std::min<uint64_t>(file.size(), 4096), '\0');
    file.read(0, begin.data(), begin.size());
    uint64_t header_bytes = most_header_bytes + 1;
    if (begin.size() > 8) std::memcpy(&header_bytes, begin.data(), 8);
    if (header_bytes <= most_header_bytes && begin[8] == '{') return;
    const std::string kind = kind_of_file(begin);
    check(kind.empty(), "[safetensors] {} is no safetensors file, but {}", name, kind);
    const auto letter = [](unsigned char c) { return c >= 0x20 || c == '\n' || c == '\r' || c == '\t'; };
    if (begin.size() > 8 && std::all_of(begin.begin(), begin.end(), letter) && is_utf8(begin.substr(0, 64)))
        fail("[safetensors] {} is no safetensors file, but text: {}", name, in_quotes(begin.substr(0, 40)));
}

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::string& file, const std::string& text, uint64_t data_bytes) {
    // The parser would pass over white space and a byte order mark, which the format does not allow here, and takes a
    // NUL for the end.
    check(!text.starts_with("\xef\xbb\xbf"), "[safetensors] {}: the header begins with a byte order mark", file);
    check(text.starts_with('{'), "[safetensors] {}: the header does not begin with {{", file);
    if (const size_t nul = text.find('\0'); nul != std::string::npos)
        fail("[safetensors] {}: the header is not JSON, at byte {} of it: a NUL", file, nul + 1);
    HeaderReader header(file);
    nlohmann::json::sax_parse(text, &header);
    return {layout(file, header, data_bytes), std::move(header.metadata)};
}

OpenHeader read_header(const InputFile& file, const std::string& name) {
    check(file.size() > 0, "[safetensors] {}: the file is empty", name);
    refuse_what_is_no_safetensors(file, name);
    check(file.size() >= 8, "[safetensors] {}: the file has {} bytes, its header's length alone takes 8", name,
          file.size());
    uint64_t header_bytes = 0;
    file.read(0, &header_bytes, 8);
    check(header_bytes <= most_header_bytes, "[safetensors] {}: the header must be at most {} bytes, says {}", name,
          most_header_bytes, header_bytes);
    check(header_bytes <= file.size() - 8, "[safetensors] {}: the header ends at byte {} of {}: the file is cut off",
          name, header_bytes + 8, file.size());
    std::string text(header_bytes, '\0');
    file.read(8, text.data(), text.size());
    const uint64_t data = 8 + header_bytes;
    SafetensorsHeader parsed = parse_safetensors_header(name, text, file.size() - data);
    return {std::move(parsed), std::move(text), data};
}

}  // namespace swingrad
