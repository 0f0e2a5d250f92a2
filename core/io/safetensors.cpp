#include "core/io/safetensors.h"

#include "core/io/file.h"
#include "core/io/quotes.h"
#include "core/io/safetensors_header.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace swingrad {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and so is this reader");

// A half has five bits of exponent and ten of mantissa; every one of them is a float32.
float widened(uint16_t half) {
    const uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 0x1fu, mantissa = half & 0x3ffu;
    if (exponent == 0)
        return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(mantissa) * 0x1p-24f));
    const uint32_t wide = exponent == 31 ? 255 : exponent + (127 - 15);  // 31: infinite or NaN
    return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

Tensor read_half(const InputFile& file, uint64_t offset, const Shape& shape) {
    Tensor tensor = Tensor::empty(shape);
    std::array<uint16_t, 1 << 14> halves;
    auto values = tensor.span<float>();
    while (!values.empty()) {
        const size_t count = std::min(values.size(), halves.size());
        file.read(offset, halves.data(), count * sizeof halves[0]);
        std::transform(halves.begin(), halves.begin() + static_cast<std::ptrdiff_t>(count), values.begin(), widened);
        values = values.subspan(count);
        offset += count * sizeof halves[0];
    }
    return tensor;
}

// `data` becomes the place where the tensors begin.
SafetensorsHeader read_header(const InputFile& file, const std::string& name, uint64_t& data) {
    check(file.size() >= 8, "[safetensors] {}: the file has {} bytes, its header's length alone takes 8", name,
          file.size());
    uint64_t header_bytes = 0;
    file.read(0, &header_bytes, 8);
    check(header_bytes <= most_header_bytes, "[safetensors] {}: the header must be at most {} bytes, says {}", name,
          most_header_bytes, header_bytes);
    check(header_bytes <= file.size() - 8, "[safetensors] {}: the header ends at byte {} of {}", name, header_bytes + 8,
          file.size());
    std::string text(header_bytes, '\0');
    file.read(8, text.data(), text.size());
    data = 8 + header_bytes;
    return parse_safetensors_header(name, text, file.size() - data);
}

}  // namespace

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
    uint64_t data = 0;
    return read_header(InputFile(path), path.string(), data).metadata;
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
    const InputFile file(path);
    uint64_t data = 0;
    SafetensorsHeader header = read_header(file, path.string(), data);
    SafetensorsFile result;
    for (const PlacedTensor& one : header.tensors) {
        Tensor tensor;
        if (one.type.name == "F16") {
            tensor = read_half(file, data + one.begin, one.shape);
        } else {
            tensor = Tensor::empty(one.shape, one.type.dtype);
            file.read(data + one.begin, tensor.address(), tensor.bytes());
        }
        result.tensors.emplace(one.name, std::move(tensor));
    }
    result.metadata = std::move(header.metadata);
    return result;
}

// ---- writing

namespace {

std::string_view name_in_file(DType dtype) {
    for (const FileType& type : file_types)
        if (type.dtype == dtype) return type.name;  // F32 stands before F16
    fail("[safetensors] {} has no name in a file", name_of(dtype));
}

std::string json_string(const std::string& file, const std::string& text) {
    try {
        return nlohmann::json(text).dump();
    } catch (const nlohmann::json::exception&) {
        fail("[safetensors] {}: {} is not UTF-8", file, in_quotes(text));
    }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
    const std::string file = path.string();
    std::set<std::string_view> names;
    std::vector<std::pair<std::string, Tensor>> ordered;
    for (const auto& [name, tensor] : tensors) {
        check(tensor.defined(), "[safetensors] {}: tensor {} is undefined", file, in_quotes(name));
        check(name != metadata_key, "[safetensors] {}: no tensor can be called {}", file, metadata_key);
        check(names.insert(name).second, "[safetensors] {}: tensor {} comes twice", file, in_quotes(name));
        ordered.emplace_back(name, tensor.on_cpu());
    }
    std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
        return size_of(a.second.dtype()) > size_of(b.second.dtype());
    });

    std::string header = "{";
    if (!metadata.empty()) {
        header += fmt::format("\"{}\":{{", metadata_key);
        for (const auto& [key, value] : metadata)
            header += fmt::format("{}:{},", json_string(file, key), json_string(file, value));
        header.back() = '}';
        header += ',';
    }
    size_t offset = 0;
    for (const auto& [name, tensor] : ordered) {
        header += fmt::format(R"({}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}},)", json_string(file, name),
                              name_in_file(tensor.dtype()), tensor.shape(), offset, offset + tensor.bytes());
        offset += tensor.bytes();
    }
    if (header.back() == ',') header.pop_back();
    header += '}';
    header.resize((header.size() + 7) / 8 * 8, ' ');  // so that the data is aligned, as the elements in it are
    check(header.size() <= most_header_bytes,
          "[safetensors] {}: the header would take {} bytes, at most {} are possible", file, header.size(),
          most_header_bytes);

    const uint64_t header_bytes = header.size();
    std::vector<std::string_view> parts{{reinterpret_cast<const char*>(&header_bytes), 8}, header};
    for (const auto& [name, tensor] : ordered)
        parts.emplace_back(static_cast<const char*>(tensor.address()), tensor.bytes());
    write_file_atomically(path, parts);
}

}  // namespace swingrad
