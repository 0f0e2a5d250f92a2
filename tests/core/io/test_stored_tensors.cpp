// Files as strangers have them: what is no safetensors file is named, several files are one model, nothing is read
// before it is wanted.
#include "core/io/file_kind.h"
#include "core/io/json_file.h"
#include "core/io/safetensors.h"
#include "core/io/stored_tensors.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"

#include <filesystem>

using namespace swingrad;
using namespace swingrad::test;
namespace fs = std::filesystem;

namespace {

std::string with_length(const std::string& header) {
    const uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header;
}

std::string refusal(const fs::path& path) {
    return error_of([&] { open_tensors(path); });
}

// Three tensors in two files, and their index.
struct Sharded {
    const TemporaryDirectory directory;
    const std::string first = "model-00001-of-00002.safetensors", second = "model-00002-of-00002.safetensors";

    Sharded() {
        write_safetensors(directory / first, {{"a", Tensor::from({2}, std::vector<float>{1, 2})}});
        write_safetensors(directory / second, {{"b", Tensor::from({1}, std::vector<float>{3})},
                                               {"c", Tensor::from({1}, std::vector<float>{4})}});
    }
    fs::path index(const std::string& map) const {
        write_file_plainly(directory / "model.safetensors.index.json", R"({"metadata":{},"weight_map":)" + map + "}");
        return directory / "model.safetensors.index.json";
    }
    std::string whole_map() const { return fmt::format(R"({{"a":"{}","b":"{}","c":"{}"}})", first, second, second); }
};

}  // namespace

TEST_CASE("a file that is no safetensors file is named for what it is, with the way to one") {
    const TemporaryDirectory directory;
    const fs::path path = directory / "w";
    const std::vector<std::pair<std::string, std::string>> files{
        {"", "is empty"},
        {"PK\3\4....archive/data.pkl", "a zip archive of PyTorch's torch.save: convert it"},
        {"PK\3\4....a.npy", "NumPy"},
        {"PK\3\4....a.txt", "a zip archive: unpack it first"},
        {"\x80\2}q\1(X\1", "a Python pickle"},
        {"\x80\4\x95 more of it", "a Python pickle"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 113\n",
         "a Git LFS pointer, which stands for a "
         "file of 113 bytes"},
        {"<!DOCTYPE html><html></html>", "a web page"},
        {"\n <HTML lang=en>", "a web page"},
        {"\x1f\x8b\x08 compressed", "compressed by gzip"},
        {"\x1f\x9d\x90 and so on", "compressed by compress (.Z)"},
        {"\x28\xb5\x2f\xfd and so on", "compressed by Zstandard"},
        {"\xfd"
         "7zXZ and so on",
         "compressed by xz"},
        {"\x04\x22\x4d\x18 and so on", "compressed by LZ4"},
        {"7z\xbc\xaf and so on", "an archive of 7-Zip"},
        {"Rar!\x1a\x07\x01 and so on", "an archive of RAR"},
        {"\x08\x07\x12\x07pytorch\x1a\x05 and so on", "a model of ONNX"},
        {"GGUF\3 and so on", "GGUF"},
        {"\x89HDF\r\n\x1a\n and so on", "HDF5"},
        {"\x93NUMPY\1 and so on", "an array of NumPy"},
        {"\xff\xd8\xff\xe0 and so on", "a picture, JPEG"},
        {"weights, see the other file", "text: \"weights, see the other file\""},
        {R"({"architectures": ["Swinv2"]})", "is JSON: neither safetensors nor the index"}};
    for (const auto& [contents, said] : files) {
        INFO(contents);
        write_file_plainly(path, contents);
        REQUIRE(contains(refusal(path), said));
        REQUIRE(contains(refusal(path), path.string()));
    }
}

TEST_CASE("JSON that is empty, something else, ended by a NUL or with a key twice is refused as that") {
    const TemporaryDirectory directory;
    const fs::path path = directory / "c.json";
    const auto refused = [&](const std::string& contents) {
        write_file_plainly(path, contents);
        return error_of([&] { read_json_file(path); });
    };
    REQUIRE(refused("") == "[json] " + path.string() + " is empty");
    REQUIRE(contains(refused("<!doctype html>"), "a web page"));
    REQUIRE(contains(refused(std::string("{\"a\":1}\0{\"b\":2}", 15)), "is not JSON: a NUL is byte 8 of 15"));
    REQUIRE(contains(refused(R"({"a":1} {"b":2})"), "is not JSON"));
    REQUIRE(contains(refused(R"([{"a":1},{"a":1,"b":{"a":2},"a":3}])"), "has the key \"a\" twice"));
    REQUIRE(refused("\xef\xbb\xbf{\"a\":1}") == "no error");
    REQUIRE(is_int64(nlohmann::json::parse("9223372036854775807")));
    REQUIRE(is_int64(nlohmann::json::parse("-9223372036854775808")));
    for (const char* other : {"9223372036854775808", "18446744073709551615", "1.0", "true", "\"1\""})
        REQUIRE(!is_int64(nlohmann::json::parse(other)));
    REQUIRE(json_text("caf\xe9\n") == "\"caf\\xe9\\n\"");
    REQUIRE(json_text({{"k", "caf\xe9"}}) == "{\"k\":\"caf\\ufffd\"}");
    REQUIRE(*not_utf8_in({{"a", {1, "fine", "caf\xe9"}}}) == "caf\xe9");
    REQUIRE(not_utf8_in({{"a", {1, "fine"}}}) == nullptr);
}

TEST_CASE("what a header may have beside its tensors is decided") {
    const TemporaryDirectory directory;
    const fs::path path = directory / "w";
    const auto opened = [&](const std::string& header, size_t data) {
        write_file_plainly(path, with_length(header) + std::string(data, '\1'));
        return refusal(path);
    };
    const std::string one = R"("a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]})";
    REQUIRE(opened("{\"__metadata__\":null," + one + "}", 2) == "no error");
    REQUIRE(open_tensors(path).tensors.at("a").text() == "BOOL [2]");
    REQUIRE(
        contains(error_of([&] { open_tensors(path).tensors.at("a").read(); }), "has dtype \"BOOL\", not one of F32"));
    REQUIRE(contains(opened(std::string("{") + one + std::string("}\0\0", 3), 2), "a NUL"));
    REQUIRE(contains(opened("{" + one + "} {}", 2), "is not JSON"));
    REQUIRE(contains(opened("\xef\xbb\xbf{" + one + "}", 2), "begins with a byte order mark"));
}

TEST_CASE("tensors are known before they are read, and no others are read") {
    const TemporaryDirectory directory;
    const fs::path path = directory / "w";
    const uint64_t bytes = uint64_t{1} << 40;  // of a file with a hole: reading it would not end, nor fit into memory
    const std::string header = fmt::format(R"({{"a":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{}]}},)"
                                           R"("b":{{"dtype":"F16","shape":[1],"data_offsets":[{},{}]}}}})",
                                           bytes / 4, bytes, bytes, bytes + 2);
    write_file_plainly(path, with_length(header));
    std::error_code problem;
    fs::resize_file(path, 8 + header.size() + bytes + 2, problem);
    if (problem) return;  // a file system without holes
    const StoredTensors stored = open_tensors(path);
    REQUIRE(stored.tensors.at("a").text() == fmt::format("float32 [{}]", bytes / 4));
    REQUIRE(stored.tensors.at("b").read().values() == std::vector<double>{0});
}

TEST_CASE("a model in several files is read by its index, by its folder, and without an index") {
    const Sharded model;
    const auto values = [](const fs::path& path) {
        std::vector<double> all;
        for (const auto& [name, tensor] : open_tensors(path).tensors)
            for (const double value : tensor.read().values()) all.push_back(value);
        return all;
    };
    const std::vector<double> expected{1, 2, 3, 4};
    REQUIRE(values(model.directory.path()) == expected);
    REQUIRE(values(model.index(model.whole_map())) == expected);
    REQUIRE(values(model.directory.path()) == expected);
    REQUIRE(values(model.directory / model.second) == std::vector<double>{3, 4});
}

TEST_CASE("a model in several files without an index is read whole or refused") {
    const Sharded model;
    fs::remove(model.directory / model.second);
    REQUIRE(contains(refusal(model.directory.path()),
                     "holds a model in 2 files, of which \"" + model.second + "\" is missing"));
    write_safetensors(model.directory / "model-00003-of-00003.safetensors", {});
    write_safetensors(model.directory / model.second, {});
    REQUIRE(contains(refusal(model.directory.path()), "is no file of the model that \"" + model.first + "\" is of"));
}

TEST_CASE("an index that is not what its files are is refused") {
    const Sharded model;
    const auto refused = [&](const std::string& map) { return refusal(model.index(map)); };
    REQUIRE(contains(refused("{}"), "weight_map must be an object of file names, got {}"));
    REQUIRE(contains(refused(R"({"a":7})"), "tensor \"a\" must be in a file beside it, got 7"));
    for (const char* elsewhere : {"../w.safetensors", "/etc/passwd", "..", ""})
        REQUIRE(contains(refused(fmt::format(R"({{"a":"{}"}})", elsewhere)), "must be in a file beside it, got"));
    REQUIRE(contains(refused(R"({"a":"model-00003-of-00003.safetensors"})"),
                     "is the index of a model in 1 files, of which \"model-00003-of-00003.safetensors\" is not"));
    REQUIRE(contains(refused(fmt::format(R"({{"d":"{}"}})", model.first)), "tensor \"d\" is not in \"" + model.first));
    write_safetensors(model.directory / model.second, {{"a", Tensor::zeros({1})}});
    REQUIRE(contains(refused(model.whole_map()), "tensor \"a\" is in another file of the model too"));
}

TEST_CASE("a folder without one model in it is refused") {
    const TemporaryDirectory directory;
    REQUIRE(contains(refusal(directory.path()), "is a folder with no .safetensors file in it"));
    write_file_plainly(directory / "pytorch_model.bin", "x");
    REQUIRE(contains(refusal(directory.path()), "but one of PyTorch's"));
    write_safetensors(directory / "a.safetensors", {});
    REQUIRE(refusal(directory.path()) == "no error");
    write_safetensors(directory / "b.safetensors", {});
    REQUIRE(contains(refusal(directory.path()), "2 .safetensors files; name one, such as \"a.safetensors\""));
}
