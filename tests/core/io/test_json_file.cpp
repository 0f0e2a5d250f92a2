#include "core/io/json_file.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

std::string nested(size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

std::string refused(const std::string& text) {
    return error_of([&] { parse_json(text, "settings"); });
}

}  // namespace

TEST_CASE("JSON is read, from a text and from a file") {
    const TemporaryDirectory directory;
    write_file_plainly(directory / "a.json", R"({"a": [1, 2.5, "b\n"], "c": null})");
    const auto json = read_json_file(directory / "a.json");
    REQUIRE(json == nlohmann::json{{"a", {1, 2.5, "b\n"}}, {"c", nullptr}});
    REQUIRE(parse_json(nested(64), "settings").dump() == nested(64));
    const std::string full = fmt::format("{:[>64}1,null{:]>64}", "", "");
    REQUIRE(parse_json(full, "settings").dump() == full);
}

TEST_CASE("what is no JSON, or more than can be held, is an Error") {
    REQUIRE(refused("{\"a\": ") == "settings is not JSON: it ends too early, after 6 bytes");
    REQUIRE(refused("") == "settings is not JSON: it ends too early, after 0 bytes");
    REQUIRE(refused("[1e400]") == "settings holds a number that is too large");
    REQUIRE(refused(nested(65)) == "settings nests more than 64 lists and objects");
    REQUIRE(refused(nested(1'000'000)) == "settings nests more than 64 lists and objects");
    REQUIRE(refused(std::string(1'000'000, '[')) == "settings nests more than 64 lists and objects");
    std::string objects;
    for (int level = 0; level < 65; ++level) objects += "{\"a\":";
    REQUIRE(refused(objects) == "settings nests more than 64 lists and objects");
    const TemporaryDirectory directory;
    write_file_plainly(directory / "a.json", "[1e400]");
    REQUIRE(error_of([&] { read_json_file(directory / "a.json"); }) ==
            "[json] " + (directory / "a.json").string() + " holds a number that is too large");
}
