// Errors: one exception type, one line of text, always naming the thing and the value.
//
// The convention is `[where] what was expected, what came`, for example
//   [layer_norm] weight must be [96], got [48]
// A program that shows `what()` to its user needs to add nothing.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace swingrad {

class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Throws an Error with the formatted text.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
    throw Error(fmt::format(format, std::forward<Args>(args)...));
}

// Throws an Error with the formatted text unless `condition` holds. The arguments are evaluated either way, but
// formatted only on failure: pass a shape or a tensor itself, not its text.
template <class... Args>
void check(bool condition, fmt::format_string<Args...> format, Args&&... args) {
    if (!condition) fail(format, std::forward<Args>(args)...);
}

}  // namespace swingrad
