// The header of a safetensors file: from untrusted JSON to tensors whose places in the data are known to be right.
// For core/io/safetensors.cpp and core/io/stored_tensors.cpp alone.
#pragma once

#include "core/io/file.h"
#include "core/tensor.h"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swingrad {

inline constexpr uint64_t most_header_bytes = 100'000'000;  // the limit of the original implementation
inline constexpr std::string_view metadata_key = "__metadata__";

// How one dtype is called in a file. F16 has no tensor of its own here and widens to float32.
struct FileType {
    std::string_view name;
    DType dtype;
    uint64_t bytes;  // an element in the file
};
inline constexpr std::array<FileType, 7> file_types{{{"F32", DType::float32, 4},
                                                     {"F64", DType::float64, 8},
                                                     {"BF16", DType::bfloat16, 2},
                                                     {"F16", DType::float32, 2},
                                                     {"I64", DType::int64, 8},
                                                     {"I32", DType::int32, 4},
                                                     {"U8", DType::uint8, 1}}};

// One tensor of a file, checked: its shape and dtype take exactly the bytes [begin, end) of the data. One of another
// type than those above may stand there, and can only be passed over.
struct PlacedTensor {
    std::string name, type_name;
    std::optional<FileType> type;
    Shape shape;
    uint64_t begin, end;
};

struct SafetensorsHeader {
    std::vector<PlacedTensor> tensors;  // in order of their place in the data, which they cover exactly
    std::map<std::string, std::string> metadata;
};

// `data_bytes`: what the file holds after the header. `file` appears in messages. Throws an Error.
SafetensorsHeader parse_safetensors_header(const std::string& file, const std::string& text, uint64_t data_bytes);

struct OpenHeader {
    SafetensorsHeader parsed;
    std::string text;
    uint64_t data;  // where the tensors begin
};
// `name` is the file's in messages. Throws an Error, which says of a file that is something else what it is.
OpenHeader read_header(const InputFile& file, const std::string& name);
// Throws an Error where the tensor's type is none of those above.
Tensor read_tensor(const InputFile& file, const std::string& name, const PlacedTensor& placed, uint64_t data);

}  // namespace swingrad
