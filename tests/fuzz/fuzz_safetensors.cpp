// A safetensors file: what is read can be written, and is then read as the same.
#include "core/io/safetensors.h"
#include "tests/fuzz/targets.h"
#include "tests/support/temporary_directory.h"

#include <cstring>

namespace swingrad::fuzz {
namespace {

bool same(const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && a.dtype() == b.dtype() &&
           (a.bytes() == 0 || std::memcmp(a.address(), b.address(), a.bytes()) == 0);
}

void read_and_write(Bytes bytes) {
    static const MemoryFile file;
    file.write(bytes);
    SafetensorsFile found;
    if (!reads([&] { found = read_safetensors(file.path()); })) return;
    promise(read_safetensors_metadata(file.path()) == found.metadata, "metadata alone and with tensors differ");

    static const test::TemporaryDirectory directory;
    write_safetensors(directory / "copy", {found.tensors.begin(), found.tensors.end()}, found.metadata);
    const SafetensorsFile again = read_safetensors(directory / "copy");
    promise(again.metadata == found.metadata, "metadata changes when it is written");
    promise(again.tensors.size() == found.tensors.size(), "a tensor is lost when they are written");
    for (const auto& [name, tensor] : found.tensors)
        promise(again.tensors.count(name) && same(tensor, again.tensors.at(name)),
                "a tensor changes when it is written");
}

}  // namespace

void safetensors(Bytes file) { with_length_mended_too(file, read_and_write); }

}  // namespace swingrad::fuzz
