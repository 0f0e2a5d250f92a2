#include "core/io/text.h"

#include <fmt/format.h>

namespace swingrad {

std::string bytes_text(size_t bytes) {
    if (bytes < 1024) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes) / 1024;
    const char* unit = "KiB";
    for (const char* larger : {"MiB", "GiB", "TiB"}) {
        if (value < 1023.95) break;  // what would be printed as 1024.0
        value /= 1024;
        unit = larger;
    }
    return fmt::format("{:.1f} {}", value, unit);
}

std::string count_text(int64_t count) {
    auto value = static_cast<double>(count);
    if (value < 1e3) return fmt::format("{}  ", count);
    const char* unit = "";
    for (const char* larger : {"k", "M", "G", "T", "P"}) {
        if (value < 999.95) break;
        value /= 1e3;
        unit = larger;
    }
    return fmt::format("{:.1f} {}", value, unit);
}

}  // namespace swingrad
