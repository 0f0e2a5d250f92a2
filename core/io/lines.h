// Text files of a name a line, as any editor saves them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace swingrad {

// The lines of `text` that are not empty, without a byte order mark (UTF-8's) before the first, and spaces and
// carriage returns at their ends. Throws an Error that begins with `name` where the text is UTF-16, as its byte order
// mark says.
std::vector<std::string> lines_of(std::string_view text, const std::string& name);

}  // namespace swingrad
