// What a user reads of an exception.
#pragma once

#include <exception>
#include <string>

namespace swingrad {

// An Error's own line; of what a library throws, what it means here and not the library's words. On one line, with
// nothing in it that a terminal obeys.
std::string text_of(const std::exception& error);

}  // namespace swingrad
