// Numbers as people read them.
#pragma once

#include <cstddef>
#include <string>

namespace swingrad {

// "0 B", "640 B", "1.5 KiB", "105.2 MiB", "11.2 GiB"
std::string bytes_text(size_t bytes);

}  // namespace swingrad
