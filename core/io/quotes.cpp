#include "core/io/quotes.h"

#include <nlohmann/json.hpp>

namespace swingrad {

std::string in_quotes(const std::string& text) {
    constexpr size_t most = 100;
    const std::string head = text.size() > most ? text.substr(0, most) + "..." : text;
    return nlohmann::json(head).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace swingrad
