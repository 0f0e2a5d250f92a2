// Running another program and reading what it says, with no shell between.
#pragma once

#include "core/error.h"

#include <chrono>
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
// standard output. Throws NotInstalled where there is no such program, and an Error with the first line of its standard
// error where it fails, or where it has not ended within `limit` or says more than 256 MiB: then it is killed, with all
// it started. Killed it is also by a signal that ends this program (train/program/console/interrupt.h), here and at
// once: EndedBySignal.
std::string output_of(const std::vector<std::string>& arguments, std::string_view input,
                      std::chrono::seconds limit = std::chrono::seconds(30));

}  // namespace swingrad
