#include "train/program/console/usage_text.h"

#include "core/io/quotes.h"

#include <fmt/format.h>

#include <string_view>

namespace swingrad {

std::string usage_text(const std::string& said) {
    constexpr std::string_view unwanted = "Could not convert: ", between = " = ";
    const std::string flag = said.substr(0, said.find(':'));
    if (said.find(": 1 required ") != std::string::npos && said.ends_with(" missing"))
        return fmt::format("{} needs a value", flag);
    if (said.find(": At Most 1 required") != std::string::npos) return fmt::format("{} is given more than once", flag);
    if (!said.starts_with(unwanted)) return said;
    const std::string rest = said.substr(unwanted.size());
    const size_t at = rest.find(between);
    if (at == std::string::npos) return said;
    return fmt::format("{} takes no value, got {}", rest.substr(0, at), in_quotes(rest.substr(at + between.size())));
}

}  // namespace swingrad
