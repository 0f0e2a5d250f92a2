#include "core/io/file_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

namespace swingrad {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view from_pytorch =
    "convert it in Python: safetensors.torch.save_file(torch.load(FILE, weights_only=True), \"NEW.safetensors\")";

// First bytes that are some format's alone.
struct Signature {
    size_t at;
    std::string_view bytes, kind;
};
constexpr Signature signatures[] = {
    {0, "\x1f\x8b"sv, "compressed by gzip: gunzip it first"},
    {0, "BZh"sv, "compressed by bzip2: bunzip2 it first"},
    {0,
     "\xfd"
     "7zXZ"sv,
     "compressed by xz: unxz it first"},
    {0, "\x28\xb5\x2f\xfd"sv, "compressed by Zstandard: unzstd it first"},
    {0, "\x1f\x9d"sv, "compressed by compress (.Z): uncompress it first"},
    {0, "\x04\x22\x4d\x18"sv, "compressed by LZ4: unlz4 it first"},
    {0, "LZIP"sv, "compressed by lzip: lunzip it first"},
    {0, "7z\xbc\xaf"sv, "an archive of 7-Zip: unpack it first"},
    {0, "Rar!\x1a\x07"sv, "an archive of RAR: unpack it first"},
    {257, "ustar"sv, "a tar archive: unpack it first"},
    {0, "GGUF"sv, "GGUF, the format of llama.cpp, which holds no Swin"},
    {0, "\x89HDF\r\n\x1a\n"sv,
     "HDF5, as Keras saves it: load it there and save its tensors by the package safetensors"},
    {0, "\x93NUMPY"sv,
     "an array of NumPy: save it in Python by safetensors.numpy.save_file({NAME: numpy.load(FILE)}, NEW)"},
    {4, "TFL3"sv, "a model of TensorFlow Lite"},
    {0, "\x89PNG"sv, "a picture, PNG"},
    {0, "\xff\xd8\xff"sv, "a picture, JPEG"},
    {0, "%PDF"sv, "a document, PDF"},
    {0,
     "\x7f"
     "ELF"sv,
     "a program"},
    {0, "\xff\xfe"sv, "text in UTF-16; save it in UTF-8"},
    {0, "\xfe\xff"sv, "text in UTF-16; save it in UTF-8"},
};

bool holds(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

// The number behind "\nsize ", as a pointer has it.
std::string lfs_pointer(std::string_view text) {
    constexpr std::string_view before = "\nsize ";
    const size_t at = text.find(before);
    std::string digits;
    for (size_t i = at + before.size(); at != std::string_view::npos && i < text.size(); ++i) {
        if (!std::isdigit(static_cast<unsigned char>(text[i])) || digits.size() == 19) break;
        digits += text[i];
    }
    const std::string bytes = digits.empty() ? "another file" : "a file of " + digits + " bytes";
    return fmt::format("a Git LFS pointer, which stands for {}: git lfs pull fetches it", bytes);
}

std::string zip(std::string_view text) {
    if (holds(text, "data.pkl")) return fmt::format("a zip archive of PyTorch's torch.save: {}", from_pytorch);
    if (holds(text, ".npy")) return "a zip archive of NumPy's arrays (.npz): save them by safetensors.numpy.save_file";
    return "a zip archive: unpack it first";
}

// A pickle's protocol is 2 to 5; what follows is an instruction, of which a file of weights begins with few.
bool is_pickle(std::string_view text) {
    return text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5 &&
           holds(
               "}]()\x8a\x95"
               "cX"sv,
               text.substr(2, 1));
}

// A message of protocol buffers whose first field is a version of the format, its second the name of the program that
// wrote it.
bool is_onnx(std::string_view text) {
    if (text.size() < 4 || text[0] != '\x08' || text[1] < 1 || text[1] > 99 || text[2] != '\x12') return false;
    const auto length = static_cast<unsigned char>(text[3]);
    const std::string_view writer = text.substr(4, length);
    return length > 0 && length < 128 && writer.size() == length &&
           std::all_of(writer.begin(), writer.end(),
                       [](char c) { return std::isprint(static_cast<unsigned char>(c)); });
}

bool is_markup(std::string_view text) {
    std::string begin;
    for (const char c : text.substr(0, 100)) begin += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    begin.erase(0, std::min(begin.find_first_not_of(" \t\r\n\xef\xbb\xbf"), begin.size()));
    return begin.starts_with("<!doctype") || begin.starts_with("<html") || begin.starts_with("<?xml") ||
           begin.starts_with("<head");
}

}  // namespace

std::string kind_of_file(std::string_view beginning) {
    if (beginning.starts_with("version https://git-lfs")) return lfs_pointer(beginning);
    if (beginning.starts_with("PK\x03\x04")) return zip(beginning);
    if (is_pickle(beginning))
        return fmt::format("a Python pickle, as PyTorch's torch.save once wrote it: {}", from_pytorch);
    if (is_onnx(beginning)) return "a model of ONNX: save the weights of the model that it was exported from";
    if (is_markup(beginning)) return "a web page (HTML or XML): what was downloaded is not the file itself";
    const auto* const found = std::find_if(std::begin(signatures), std::end(signatures), [&](const Signature& one) {
        return beginning.size() > one.at && beginning.substr(one.at).starts_with(one.bytes);
    });
    return found == std::end(signatures) ? "" : std::string(found->kind);
}

}  // namespace swingrad
