#include "core/io/quotes.h"
#include "tests/support/catch.h"

#include <fmt/format.h>

using namespace swingrad;

TEST_CASE("what a terminal obeys is shown as an escape, on one line, and all else as it is") {
    REQUIRE(on_one_line("plain \"text\" \\ 'x'") == "plain \"text\" \\ 'x'");
    REQUIRE(on_one_line("na\u00efve \u732b") == "na\u00efve \u732b");
    REQUIRE(on_one_line("a\nb\r\tc") == "a\\nb\\r\\tc");
    REQUIRE(on_one_line("\x1b]0;owned\x07 \x7f") == "\\x1b]0;owned\\x07 \\x7f");
    REQUIRE(on_one_line(std::string_view("\0", 1)) == "\\x00");
    REQUIRE(on_one_line("\u009b31m") == "\\u009b31m");  // what ESC [ is, as one character
    REQUIRE(on_one_line("exe.\u202egnp") == "exe.\\u202egnp");
    REQUIRE(on_one_line("\u2028\ufeff") == "\\u2028\\ufeff");
}

TEST_CASE("bytes that are no UTF-8 are shown as such") {
    REQUIRE(on_one_line("caf\xe9") == "caf\\xe9");
    REQUIRE(on_one_line("\xc0\xaf \xed\xa0\x80") == "\\xc0\\xaf \\xed\\xa0\\x80");           // overlong; half of a pair
    REQUIRE(on_one_line("\xf4\x90\x80\x80 \xe7\x8c") == "\\xf4\\x90\\x80\\x80 \\xe7\\x8c");  // too large; cut off
    REQUIRE(is_utf8("caf\u00e9 \U0001f431"));
    REQUIRE_FALSE(is_utf8("caf\xe9"));
    REQUIRE_FALSE(is_utf8("\xc3"));
}

TEST_CASE("a name in quotes is bounded, and not cut within a character") {
    REQUIRE(in_quotes("a \"b\" \\ \n") == "\"a \\\"b\\\" \\\\ \\n\"");
    REQUIRE(in_quotes(std::string(101, 'x')) == fmt::format("\"{}...\"", std::string(100, 'x')));
    REQUIRE(in_quotes(std::string(99, 'x') + "\u00e9") == fmt::format("\"{}...\"", std::string(99, 'x')));
    REQUIRE(columns_of("\u00e9t\u00e9") == 3);
}
