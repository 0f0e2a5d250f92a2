// Numbers as people read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace swingrad {

// "0 B", "640 B", "1.5 KiB", "105.2 MiB", "11.2 GiB"
std::string bytes_text(size_t bytes);
// A count in units that leave three or four digits: "12  ", "17.9 M". The unit's name is to follow.
std::string count_text(int64_t count);

}  // namespace swingrad
