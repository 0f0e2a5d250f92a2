// What a user reads of a command line that cannot be.
#pragma once

#include <string>

namespace swingrad {

// `said` is CLI11's own text, of one line; what it says of values that are missing, too many or unwanted, in the words
// of this program. What commands themselves refuse comes through as it is.
std::string usage_text(const std::string& said);

}  // namespace swingrad
