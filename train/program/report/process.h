// Running another program and reading what it says, with no shell between.
#pragma once

#include "core/error.h"

#include <string>
#include <string_view>
#include <vector>

namespace swingrad {

// The program is not on the PATH.
class NotInstalled : public Error {
  public:
    using Error::Error;
};

// Runs `arguments[0]`, looked up on the PATH, with `input` on its standard input, and returns what it wrote on its
// standard output. Ctrl-C does not reach it. Throws NotInstalled where there is no such program, and an Error with the
// first line of its standard error where it fails.
std::string output_of(const std::vector<std::string>& arguments, std::string_view input);

}  // namespace swingrad
