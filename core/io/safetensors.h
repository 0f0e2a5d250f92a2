// Tensors by name in one file, the format of Hugging Face's safetensors.
//
//   8 bytes      length of the header, little-endian
//   the header   JSON: {"weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {...}}
//   the data     offsets count from here; the tensors cover it without overlap and without a hole
//
// Nothing in a file is trusted: whatever is wrong with it is an Error that names the file, the tensor and the value,
//   [safetensors] weights.safetensors: tensor "head.fc.weight" ends at byte 5000 of 4096
// Source: https://huggingface.co/docs/safetensors
#pragma once

#include "core/tensor.h"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace swingrad {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;  // in the order they are written

struct SafetensorsFile {
    std::map<std::string, Tensor> tensors;        // on the CPU
    std::map<std::string, std::string> metadata;  // "__metadata__", but for the checksum
};

// F32, F64, BF16, I64, I32 and U8 keep their dtype; F16 is widened to float32, exactly. Elements are read straight
// into their tensors. Where the file carries a checksum, as all that write_safetensors writes do, an Error says that
// its bytes are no longer what was written.
SafetensorsFile read_safetensors(const std::filesystem::path& path);
// The metadata alone: reads the header and no tensor, and so compares no checksum.
std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path);
// Whether it carries a checksum. Files of other programs, and of version 0.1, do not.
bool has_checksum(const std::filesystem::path& path);
// Throws an Error where it carries one and its bytes have another, or where it carries one under a damaged name. Reads
// the file, and keeps nothing of it.
void check_checksum(const std::filesystem::path& path);

// The checksum is CRC-32C of the whole file, with zeros for the eight digits of the checksum itself, as metadata
// "swingrad.checksum": other readers of the format pass over it.
//
// Writes atomically, as write_file_atomically (core/io/file.h) does. In the file, wide elements come before narrow
// ones, so that each tensor is aligned to its own elements; among equals the order is that of `tensors`.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

// The same with one tensor in memory at a time: `read` is called when its turn comes, once, and returns a tensor of
// this dtype and shape, on any device.
struct TensorToWrite {
    std::string name;
    DType dtype;
    Shape shape;
    std::function<Tensor()> read;
};
void write_tensors_in_turn(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                           const std::map<std::string, std::string>& metadata);
// As they come in the file.
void order_as_in_file(std::vector<TensorToWrite>& tensors);

}  // namespace swingrad
