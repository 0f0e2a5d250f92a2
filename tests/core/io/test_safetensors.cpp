#include "core/io/safetensors.h"

#include "core/io/file.h"
#include "core/random.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// A file that says its header has `length` bytes.
std::string claiming(uint64_t length, std::string_view rest) {
    return fmt::format("{}{}", std::string_view(reinterpret_cast<const char*>(&length), 8), rest);
}
std::string file_of(const std::string& header, size_t data_bytes) {
    return claiming(header.size(), header + std::string(data_bytes, '\1'));
}
// The header of a file with the one tensor "a".
std::string a(const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return fmt::format(R"({{"a":{{"dtype":"{}","shape":{},"data_offsets":{}}}}})", dtype, shape, offsets);
}

}  // namespace

TEST_CASE("a safetensors file written by the original implementation is read bit for bit") {
    const auto file = read_safetensors(fixtures() / "every_dtype.safetensors");
    const auto& t = file.tensors;
    REQUIRE(t.size() == 10);
    REQUIRE(t.at("f32").describe() == "float32 [2, 3] on cpu");
    REQUIRE(t.at("f32").values() == std::vector<double>{1.5, -2.0, 3.25, 0.1f, 1e-40f, -1e30f});
    REQUIRE(t.at("f64").dtype() == DType::float64);
    REQUIRE(t.at("f64").values() == std::vector<double>{0.1, -1e300});
    REQUIRE(t.at("bf16").dtype() == DType::bfloat16);
    REQUIRE(t.at("bf16").values() == std::vector<double>{1.0, float(bfloat16(0.1f)), float(bfloat16(-3e38f))});
    REQUIRE(t.at("i64").span<int64_t>()[0] == -(int64_t{1} << 62) - 1);
    REQUIRE(t.at("i32").describe() == "int32 [2, 1] on cpu");
    REQUIRE(t.at("i32").values() == std::vector<double>{-2147483648.0, 2147483647.0});
    REQUIRE(t.at("u8").values() == std::vector<double>{0, 127, 255});
    REQUIRE(t.at("scalar").shape() == Shape{});
    REQUIRE(t.at("scalar").item() == 42);
    REQUIRE(t.at("none").shape() == Shape{0, 3});
    REQUIRE(t.at("ünïcode \"quoted\"").item() == 8);
    REQUIRE(file.metadata == std::map<std::string, std::string>{{"format", "pt"}, {"note", "line one\nline two"}});
}

TEST_CASE("halves are widened to float32 exactly") {
    const auto file = read_safetensors(fixtures() / "every_dtype.safetensors");
    const Tensor half = file.tensors.at("f16");
    REQUIRE(half.describe() == "float32 [11] on cpu");
    const std::vector<float> expected{0,        -0.0f,    1,        -2.5, 65504, 0x1p-24f, -1023 * 0x1p-24f,
                                      0x1p-14f, infinity, -infinity};
    for (size_t i = 0; i < expected.size(); ++i) {
        INFO("element " << i);
        REQUIRE(half.span<float>()[i] == expected[i]);
        REQUIRE(std::signbit(half.span<float>()[i]) == std::signbit(expected[i]));
    }
    REQUIRE(std::isnan(half.span<float>()[10]));
}

TEST_CASE("halves longer than one buffer arrive in order") {
    const TemporaryDirectory directory;
    const size_t count = 40001;
    std::string data;
    for (size_t i = 0; i < count; ++i) {  // 1 + (i mod 1024) / 1024
        const auto bits = static_cast<uint16_t>(0x3c00 + i % 1024);
        data.append(reinterpret_cast<const char*>(&bits), 2);
    }
    const std::string header = a("F16", fmt::format("[{}]", count), fmt::format("[0,{}]", 2 * count));
    write_file_atomically(directory / "half", claiming(header.size(), header + data));
    const auto values = read_safetensors(directory / "half").tensors.at("a").values();
    for (size_t i = 0; i < count; ++i) REQUIRE(values[i] == 1 + static_cast<double>(i % 1024) / 1024);
}

TEST_CASE("what is written is read again, tensors, metadata and all") {
    const TemporaryDirectory directory;
    const std::vector<std::pair<std::string, Tensor>> tensors{
        {"bytes", Tensor::from({3}, std::vector<uint8_t>{1, 2, 3})},
        {"", random_tensor({2, 33}, Random{5, 1})},
        {"quote \" newline \n ü", random_tensor({257}, Random{5, 2}).to(DType::float32)},
        {"narrow", random_tensor({5}, Random{5, 3}).to(DType::bfloat16)},
        {"labels", Tensor::from({2}, std::vector<int64_t>{-1, int64_t{1} << 60})},
        {"indices", Tensor::from({1, 2}, std::vector<int32_t>{-7, 7})},
        {"scalar", Tensor::from({}, std::vector<float>{3})},
        {"empty", Tensor::zeros({4, 0})},
        {"row", random_tensor({3, 4}, Random{5, 4}).slice(1, 2)}};
    const std::map<std::string, std::string> metadata{{"epoch", "3"}, {"\"", "\n"}};
    write_safetensors(directory / "w", tensors, metadata);
    const auto back = read_safetensors(directory / "w");
    REQUIRE(back.metadata == metadata);
    REQUIRE(back.tensors.size() == tensors.size());
    for (const auto& [name, tensor] : tensors) {
        INFO(name);
        REQUIRE(back.tensors.at(name).describe() == tensor.describe());
        REQUIRE(back.tensors.at(name).values() == tensor.values());
    }
    // Each tensor lies at a multiple of its element's size, and the data at a multiple of 8.
    const std::string text = read_file(directory / "w");
    REQUIRE((static_cast<uint8_t>(text[0]) + 256 * static_cast<uint8_t>(text[1])) % 8 == 0);
    REQUIRE(text.ends_with(std::string("\1\2\3")));
}

TEST_CASE("a file of no tensors is a file") {
    const TemporaryDirectory directory;
    write_safetensors(directory / "w", {});
    const std::string text = read_file(directory / "w");
    REQUIRE(text.substr(8, 16) == R"({"__metadata__":)");
    REQUIRE(text.size() % 8 == 0);
    REQUIRE(read_safetensors(directory / "w").tensors.empty());
    REQUIRE(read_safetensors(directory / "w").metadata.empty());
}

TEST_CASE("the writer refuses what no reader could tell apart or take") {
    const TemporaryDirectory directory;
    const Tensor t = Tensor::zeros({2});
    const auto error = [&](const std::vector<std::pair<std::string, Tensor>>& tensors) {
        return error_of([&] { write_safetensors("w", tensors); });
    };
    REQUIRE(error({{"a", t}, {"a", t}}) == R"([safetensors] w: tensor "a" comes twice)");
    REQUIRE(error({{"a", Tensor()}}) == R"([safetensors] w: tensor "a" is undefined)");
    REQUIRE(error({{"__metadata__", t}}) == "[safetensors] w: no tensor can be called __metadata__");
    REQUIRE(error({{"a\xff", t}}) == R"([safetensors] w: "a\xff" is not UTF-8)");
    REQUIRE_FALSE(std::filesystem::exists("w"));
}

TEST_CASE("every way in which a safetensors file can be wrong is an error that says so") {
    struct Hostile {
        std::string contents, message;
    };
    const std::string nested(100000, '['), deep = "{\"a\":" + nested, deep_objects = [] {
        std::string text;
        for (int i = 0; i < 100000; ++i) text += "{\"a\":";
        return text;
    }();
    const auto two = [](const std::string& first, const std::string& second) {
        return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
               R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
    };
    const std::vector<Hostile> files{
        {"", "the file is empty"},
        {"1234567", "the file has 7 bytes, its header's length alone takes 8"},
        {claiming(100, "{}"), "the header ends at byte 108 of 10: the file is cut off"},
        {claiming(100000001, ""), "the header must be at most 100000000 bytes, says 100000001"},
        {claiming(~uint64_t{0}, "{}"), "the header must be at most 100000000 bytes, says 18446744073709551615"},
        {claiming(0, ""), "the header does not begin with {"},
        {file_of("[]", 0), "the header does not begin with {"},
        {file_of(" {}", 0), "the header does not begin with {"},
        {file_of("\xef\xbb\xbf{}", 0), "the header begins with a byte order mark"},
        {file_of("{", 0), "the header is not JSON, at byte 2 of it"},
        {file_of("{}x", 0), "the header is not JSON, at byte 3 of it"},
        {file_of("{\"\xff\":1}", 0), "the header is not JSON, at byte 3 of it"},
        {file_of(std::string("{\0}", 3), 0), "the header is not JSON, at byte 2 of it: a NUL"},
        {file_of(R"({"a":1})", 0), R"(tensor "a" must be an object, got 1)"},
        {file_of(R"({"a":null})", 0), R"(tensor "a" must be an object, got null)"},
        {file_of(R"({"__metadata__":[]})", 0), "__metadata__ must be an object, got a list"},
        {file_of(R"({"__metadata__":{"k":1}})", 0), R"(__metadata__: "k" must be a string, got 1)"},
        {file_of(R"({"__metadata__":{"k":{}}})", 0), R"(__metadata__: "k" must be a string, got an object)"},
        {file_of(R"({"__metadata__":{"k":"","k":""}})", 0), R"(__metadata__ has "k" twice)"},
        {file_of(R"({"__metadata__":{},"__metadata__":{}})", 0), "__metadata__ comes twice"},
        {file_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}})", 0), R"(tensor "a" comes twice)"},
        {file_of(R"({"a":{}})", 0), R"(tensor "a" has no dtype)"},
        {file_of(R"({"a":{"dtype":"U8"}})", 0), R"(tensor "a" has no shape)"},
        {file_of(R"({"a":{"dtype":"U8","shape":[]}})", 0), R"(tensor "a" has no data_offsets)"},
        {file_of(R"({"a":{"strides":[]}})", 0), R"(tensor "a" has an unknown key "strides")"},
        {file_of(R"({"a":{"dtype":"U8","dtype":"U8"}})", 0), R"(tensor "a" has "dtype" twice)"},
        {file_of(R"({"a":{"shape":[],"shape":[]}})", 0), R"(tensor "a" has "shape" twice)"},
        {file_of(R"({"a":{"dtype":8}})", 0), R"(tensor "a": dtype must be a string, got 8)"},
        {file_of(R"({"a":{"dtype":["U8"]}})", 0), R"(tensor "a": dtype must be a string, got a list)"},
        {file_of(R"({"a":{"shape":"[4]"}})", 0), R"(tensor "a": shape must be a list of numbers, got "[4]")"},
        {file_of(R"({"a":{"data_offsets":{}}})", 0),
         R"(tensor "a": data_offsets must be a list of numbers, got an object)"},
        {file_of(a("Q4", "[4]", "[0,4]"), 4),
         R"(tensor "a" has dtype "Q4", not one of F32, F64, BF16, F16, I64, I32, U8)"},
        {file_of(a("U8", "[-4]", "[0,4]"), 4),
         R"(tensor "a": shape must hold whole numbers from 0 to 2^63 - 1, got -4)"},
        {file_of(a("U8", "[4.0]", "[0,4]"), 4),
         R"(tensor "a": shape must hold whole numbers from 0 to 2^63 - 1, got 4.0)"},
        {file_of(a("U8", "[\"4\"]", "[0,4]"), 4),
         R"(tensor "a": shape must hold whole numbers from 0 to 2^63 - 1, got "4")"},
        {file_of(a("U8", "[[4]]", "[0,4]"), 4),
         R"(tensor "a": shape must hold whole numbers from 0 to 2^63 - 1, got a list)"},
        {file_of(a("U8", "[9223372036854775808]", "[0,4]"), 4),
         R"(tensor "a": shape must hold whole numbers from 0 to 2^63 - 1, got 9223372036854775808)"},
        {file_of(a("U8", "[4]", "[0,99999999999999999999999]"), 4),
         R"(tensor "a": data_offsets must hold whole numbers from 0 to 2^63 - 1, got 99999999999999999999999)"},
        {file_of(a("U8", "[4]", "[-1,4]"), 4),
         R"(tensor "a": data_offsets must hold whole numbers from 0 to 2^63 - 1, got -1)"},
        {file_of(a("U8", "[4]", "[0]"), 4), R"(tensor "a": data_offsets must be two numbers, got 1)"},
        {file_of(a("U8", "[4]", "[0,2,4]"), 4), R"(tensor "a": data_offsets must be two numbers, got 3)"},
        {file_of(a("U8", "[4]", "[4,0]"), 4), R"(tensor "a" begins at byte 4 and ends before, at 0)"},
        {file_of(a("U8", "[5000]", "[0,5000]"), 4096), R"(tensor "a" ends at byte 5000 of 4096: the file is cut off)"},
        {file_of(a("F32", "[2,3]", "[0,23]"), 23),
         R"(tensor "a": F32 of [2, 3] takes 24 bytes, data_offsets give it 23)"},
        {file_of(a("F32", "[4294967296,4294967296]", "[0,0]"), 0),
         R"(tensor "a": F32 of [4294967296, 4294967296] is larger than any file)"},
        {file_of(a("F64", "[2305843009213693952]", "[0,0]"), 0),
         R"(tensor "a": F64 of [2305843009213693952] is larger than any file)"},
        {file_of(a("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1), R"(tensor "a" has 9 axes, at most 8 are possible)"},
        {file_of(two("[0,4]", "[2,6]"), 6), R"(tensor "b" begins at byte 2, inside tensor "a", which ends at 4)"},
        {file_of(two("[4,8]", "[4,8]"), 8), R"(bytes 0 to 4, before tensor "a", belong to no tensor)"},
        {file_of(two("[0,4]", "[0,4]"), 4), R"(tensor "b" begins at byte 0, inside tensor "a", which ends at 4)"},
        {file_of(two("[5,9]", "[0,4]"), 9), R"(bytes 4 to 5, before tensor "a", belong to no tensor)"},
        {file_of(two("[0,4]", "[4,8]"), 11), "bytes 8 to 11, at the end, belong to no tensor"},
        {file_of("{}", 1), "bytes 0 to 1, at the end, belong to no tensor"},
        {file_of(deep, 0), R"(tensor "a" must be an object, got a list)"},
        {file_of(deep_objects, 0), R"(tensor "a" has an unknown key "a")"},
        {file_of("{\"\\u001b[31m\\n\":1}", 0), R"(tensor "\x1b[31m\n" must be an object, got 1)"},
        {file_of(fmt::format(R"({{"{}":1}})", std::string(5000, 'x')), 0),
         fmt::format(R"(tensor "{}..." must be an object, got 1)", std::string(100, 'x'))}};
    const TemporaryDirectory directory;
    const std::string path = (directory / "weights.safetensors").string();
    for (const Hostile& one : files) {
        write_file_atomically(path, one.contents);
        INFO(one.contents.substr(0, 200));
        REQUIRE(error_of([&] { read_safetensors(path); }) == "[safetensors] " + path + ": " + one.message);
    }
}

TEST_CASE("a damaged safetensors file is read or refused, nothing else") {
    const TemporaryDirectory directory;
    const std::string path = (directory / "w").string();
    write_safetensors(path, {{"weight", random_tensor({2, 3}, Random{6, 0})}, {"b", Tensor::zeros({5})}},
                      {{"format", "pt"}});
    const std::string good = read_file(path);
    const Random random{6, 1};
    int refused = 0, read = 0;
    for (uint64_t i = 0; i < 4000; ++i) {
        std::string bad = good;
        const auto [kind, where, what, count] = random.words(i);
        if (kind % 4 == 0) bad.resize(where % bad.size());
        // Mostly in the header, where the meaning is; digits and structure more often than any other byte.
        constexpr std::string_view likely = "0123456789{}[]\",:-.eE \\";
        for (uint32_t flip = 0; flip < 1 + count % 3 && !bad.empty(); ++flip) {
            const size_t at = (where + 7919 * flip) % std::min<size_t>(bad.size(), 200);
            bad[at] =
                kind % 3 == 0 ? static_cast<char>(what >> (8 * flip)) : likely[(what >> (8 * flip)) % likely.size()];
        }
        write_file_plainly(path, bad);
        const std::string error = error_of([&] { read_safetensors(path); });
        if (error == "no error") ++read;
        else ++refused;
        INFO(error);
        REQUIRE(error.find('\n') == std::string::npos);
    }
    REQUIRE(refused > 2000);
    REQUIRE(read > 10);
}

TEST_CASE("a changed bit anywhere in a file is noticed, and a file without a checksum is read") {
    const TemporaryDirectory directory;
    const auto path = directory / "w";
    write_safetensors(path, {{"a", Tensor::zeros({3})}, {"b", Tensor::zeros({2}, DType::uint8)}}, {{"epoch", "3"}});
    REQUIRE(has_checksum(path));
    REQUIRE(read_safetensors(path).metadata.size() == 1);
    REQUIRE(read_safetensors_metadata(path).size() == 1);
    const std::string good = read_file(path);
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
        std::string damaged = good;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
        write_file_plainly(path, damaged);
        INFO("bit " << bit);
        REQUIRE(error_of([&] { read_safetensors(path); }) != "no error");
    }
    const size_t key = good.find("swingrad.checksum");
    std::string renamed = good;
    renamed[key + 10] ^= 1;
    write_file_plainly(path, renamed);
    REQUIRE(!has_checksum(path));  // and yet it is not taken for a file without one
    REQUIRE(contains(error_of([&] { read_safetensors(path); }), "w: damaged: the name of its checksum reads"));
    std::string others = good;
    others.replace(key, 17, "another.writer's ");
    write_file_plainly(path, others);
    REQUIRE(!has_checksum(path));
    REQUIRE(error_of([&] { read_safetensors(path); }) == "no error");
    std::string changed = good;
    changed.back() ^= 1;
    write_file_plainly(path, changed);
    REQUIRE(contains(error_of([&] { read_safetensors(path); }), "w: damaged: it was written with checksum "));
}

TEST_CASE("tensors written in turn make the file of all at once, and one that fails leaves the file before") {
    const TemporaryDirectory directory;
    const NamedTensors tensors{{"a", random_tensor({2, 3}, Random{6, 0}).to(DType::float32)},
                               {"count", Tensor::zeros({}, DType::int64)},
                               {"b", random_tensor({5}, Random{7, 0}).to(DType::float32)}};
    write_safetensors(directory / "whole", tensors, {{"epoch", "3"}});
    std::vector<std::string> order;
    std::vector<TensorToWrite> in_turn;
    for (const auto& [name, tensor] : tensors)
        in_turn.push_back({name, tensor.dtype(), tensor.shape(), [&order, name = name, tensor = tensor] {
                               order.push_back(name);
                               return tensor;
                           }});
    write_tensors_in_turn(directory / "turns", in_turn, {{"epoch", "3"}});
    REQUIRE(read_file(directory / "turns") == read_file(directory / "whole"));
    REQUIRE(order == std::vector<std::string>{"count", "a", "b"});

    in_turn[2].read = []() -> Tensor { fail("no b"); };
    REQUIRE_THROWS_WITH(write_tensors_in_turn(directory / "turns", in_turn, {}), Catch::Matchers::Equals("no b"));
    in_turn[2].read = [] { return Tensor::zeros({4}); };
    REQUIRE_THROWS_WITH(write_tensors_in_turn(directory / "turns", in_turn, {}),
                        Catch::Matchers::Contains("tensor \"b\" became"));
    REQUIRE(read_file(directory / "turns") == read_file(directory / "whole"));
    REQUIRE(directory.entries() == 2);
}
