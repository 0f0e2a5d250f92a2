#include "core/io/lines.h"

#include "core/error.h"

#include <algorithm>

namespace swingrad {

std::vector<std::string> lines_of(std::string_view text, const std::string& name) {
    check(!text.starts_with("\xff\xfe") && !text.starts_with("\xfe\xff"), "{}: expected UTF-8, got UTF-16", name);
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    std::vector<std::string> lines;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
        if (!line.empty()) lines.emplace_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace swingrad
