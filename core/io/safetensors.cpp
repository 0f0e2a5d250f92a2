#include "core/io/safetensors.h"

#include "core/io/checksum.h"
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

std::string_view bytes_of(const Tensor& tensor) { return {static_cast<const char*>(tensor.address()), tensor.bytes()}; }

// ---- the checksum

const std::string checksum_key = "swingrad.checksum", no_checksum = "00000000";

// Where its digits stand in the header; npos where it has none as write_safetensors writes them.
size_t place_of_checksum(const std::string& header, const std::string& digits) {
    const std::string key = fmt::format("\"{}\":\"", checksum_key);
    const size_t at = header.find(key + digits + '"');
    return at == std::string::npos ? at : at + key.size();
}

// Damaged in its first bytes, a header of write_safetensors would look as if it had no checksum. No other writer's
// begins with nearly these.
void refuse_nearly_ours(const std::string& header, const std::string& file) {
    constexpr size_t most_damaged = 3;
    const std::string ours = fmt::format("{{\"{}\":{{\"{}\":\"", metadata_key, checksum_key);
    if (header.size() < ours.size()) return;
    size_t damaged = 0;
    for (size_t i = 0; i < ours.size(); ++i) damaged += header[i] != ours[i];
    check(damaged > most_damaged, "[safetensors] {}: damaged: the name of its checksum reads {}", file,
          in_quotes(header.substr(0, ours.size())));
}

// Of the header and its length before it.
uint32_t checksum_of_header(const std::string& header) {
    const uint64_t length = header.size();
    return crc32c(header, crc32c({reinterpret_cast<const char*>(&length), sizeof length}));
}

std::string digits_of(uint32_t sum) { return fmt::format("{:08x}", sum); }

}  // namespace

Tensor read_tensor(const InputFile& file, const std::string& name, const PlacedTensor& placed, uint64_t data) {
    check(placed.type.has_value(),
          "[safetensors] {}: tensor {} has dtype {}, not one of F32, F64, BF16, F16, I64, I32, U8", name,
          in_quotes(placed.name), in_quotes(placed.type_name));
    if (placed.type_name == "F16") return read_half(file, data + placed.begin, placed.shape);
    Tensor tensor = Tensor::empty(placed.shape, placed.type->dtype);
    file.read(data + placed.begin, tensor.address(), tensor.bytes());
    return tensor;
}

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
    auto metadata = read_header(InputFile(path), path.string()).parsed.metadata;
    metadata.erase(checksum_key);
    return metadata;
}

bool has_checksum(const std::filesystem::path& path) {
    return read_header(InputFile(path), path.string()).parsed.metadata.contains(checksum_key);
}

void check_checksum(const std::filesystem::path& path) {
    const InputFile file(path);
    auto [header, text, data] = read_header(file, path.string());
    const auto found = header.metadata.find(checksum_key);
    if (found == header.metadata.end()) return refuse_nearly_ours(text, path.string());
    const std::string& written = found->second;
    if (const size_t at = place_of_checksum(text, written); at != std::string::npos)
        text.replace(at, written.size(), no_checksum);
    uint32_t sum = checksum_of_header(text);
    std::string bytes(size_t{1} << 20, '\0');
    for (uint64_t at = data; at < file.size(); at += bytes.size()) {
        const size_t count = std::min<uint64_t>(bytes.size(), file.size() - at);
        file.read(at, bytes.data(), count);
        sum = crc32c({bytes.data(), count}, sum);
    }
    check(written == digits_of(sum), "[safetensors] {}: damaged: it was written with checksum {}, its bytes have {}",
          path.string(), in_quotes(written), digits_of(sum));
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
    check_checksum(path);
    const InputFile file(path);
    auto [header, text, data] = read_header(file, path.string());
    SafetensorsFile result;
    for (const PlacedTensor& one : header.tensors)
        result.tensors.emplace(one.name, read_tensor(file, path.string(), one, data));
    result.metadata = std::move(header.metadata);
    result.metadata.erase(checksum_key);
    return result;
}

// ---- writing

namespace {

// Empty where a file cannot hold it.
std::string_view name_in_file(DType dtype) {
    for (const FileType& type : file_types)
        if (type.dtype == dtype) return type.name;  // F32 stands before F16
    return {};
}

std::string json_string(const std::string& file, const std::string& text) {
    try {
        return nlohmann::json(text).dump();
    } catch (const nlohmann::json::exception&) {
        fail("[safetensors] {}: {} is not UTF-8", file, in_quotes(text));
    }
}

// With zeros for the checksum.
std::string header_of(const std::string& file, const std::vector<TensorToWrite>& ordered,
                      const std::map<std::string, std::string>& metadata) {
    std::string header = fmt::format("{{\"{}\":{{\"{}\":\"{}\"", metadata_key, checksum_key, no_checksum);
    for (const auto& [key, value] : metadata)
        if (key != checksum_key) header += fmt::format(",{}:{}", json_string(file, key), json_string(file, value));
    header += "},";
    size_t offset = 0;
    for (const TensorToWrite& tensor : ordered) {
        const size_t bytes = static_cast<size_t>(tensor.shape.numel()) * size_of(tensor.dtype);
        header +=
            fmt::format(R"({}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}},)", json_string(file, tensor.name),
                        name_in_file(tensor.dtype), tensor.shape, offset, offset + bytes);
        offset += bytes;
    }
    header.back() = '}';
    header.resize((header.size() + 7) / 8 * 8, ' ');  // so that the data is aligned, as the elements in it are
    check(header.size() <= most_header_bytes,
          "[safetensors] {}: the header would take {} bytes, at most {} are possible", file, header.size(),
          most_header_bytes);
    return header;
}

}  // namespace

void order_as_in_file(std::vector<TensorToWrite>& tensors) {
    std::stable_sort(tensors.begin(), tensors.end(),
                     [](const auto& a, const auto& b) { return size_of(a.dtype) > size_of(b.dtype); });
}

// The checksum is known when all is written, and then takes the place of its zeros.
void write_tensors_in_turn(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                           const std::map<std::string, std::string>& metadata) {
    const std::string file = path.string();
    std::set<std::string_view> names;
    for (const TensorToWrite& tensor : tensors) {
        check(tensor.name != metadata_key, "[safetensors] {}: no tensor can be called {}", file, metadata_key);
        check(!name_in_file(tensor.dtype).empty(), "[safetensors] {}: tensor {} is {}, which no such file holds", file,
              in_quotes(tensor.name), name_of(tensor.dtype));
        check(names.insert(tensor.name).second, "[safetensors] {}: tensor {} comes twice", file,
              in_quotes(tensor.name));
    }
    order_as_in_file(tensors);
    const std::string header = header_of(file, tensors, metadata);
    const uint64_t header_bytes = header.size();
    write_file_atomically(path, [&](OutputFile& out) {
        out.append({reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes});
        out.append(header);
        uint32_t sum = checksum_of_header(header);
        for (const TensorToWrite& tensor : tensors) {
            const Tensor there = tensor.read().on_cpu();
            check(there.dtype() == tensor.dtype && there.shape() == tensor.shape,
                  "[safetensors] {}: tensor {} became {}", file, in_quotes(tensor.name), there);
            out.append(bytes_of(there));
            sum = crc32c(bytes_of(there), sum);
        }
        out.replace(sizeof header_bytes + place_of_checksum(header, no_checksum), digits_of(sum));
    });
}

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
    std::vector<TensorToWrite> all;
    for (const auto& [name, tensor] : tensors) {
        check(tensor.defined(), "[safetensors] {}: tensor {} is undefined", path.string(), in_quotes(name));
        all.push_back({name, tensor.dtype(), tensor.shape(), [tensor = tensor] { return tensor; }});
    }
    write_tensors_in_turn(path, std::move(all), metadata);
}

}  // namespace swingrad
