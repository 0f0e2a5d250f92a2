// Names from files and users, made fit for a message.
#pragma once

#include <string>

namespace swingrad {

// `text` in quotes, on one line and of bounded length, whatever it holds.
std::string in_quotes(const std::string& text);

}  // namespace swingrad
