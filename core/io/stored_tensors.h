// Tensors known by what files say of them, and read one by one, when they are wanted.
#pragma once

#include "core/tensor.h"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace swingrad {

struct StoredTensor {
    std::string type;            // "F32", as the file has it
    std::optional<DType> dtype;  // of what `read` returns; none where it can only throw
    Shape shape;
    std::function<Tensor()> read;  // keeps the file open; compares no checksum: check_checksums does

    std::string text() const;  // "float32 [2, 3]", "BOOL [4]"
};

struct StoredTensors {
    std::map<std::string, StoredTensor> tensors;
    std::map<std::string, std::string> metadata;
    std::vector<std::filesystem::path> files;  // that hold them
};

// Reads headers alone. `path` is a safetensors file; or the index of a model in several files (shards), such as
// model.safetensors.index.json, whose files lie beside it; or a folder that holds one of these, or all shards without
// an index. Throws an Error.
StoredTensors open_tensors(const std::filesystem::path& path);
// Throws an Error where one of the files carries a checksum and its bytes have another. Reads them once.
void check_checksums(const StoredTensors& stored);

}  // namespace swingrad
