// Names from files and users, made fit for a message and for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace swingrad {

// `text` on one line, with nothing in it that a terminal obeys: "\n" and "\x1b" for control characters, "\u202e" for
// those that turn or hide letters, "\xe9" for bytes that are no UTF-8. All else stays as it is.
std::string on_one_line(std::string_view text);

// The same in quotes, with quotes and backslashes within it escaped, and of bounded length.
std::string in_quotes(std::string_view text);

bool is_utf8(std::string_view text);

// How many columns a terminal takes for it: a character each, which is close enough for tables.
size_t columns_of(std::string_view text);

}  // namespace swingrad
