#include "train/program/explain/bytes.h"

#include "core/error.h"
#include "train/program/console/text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace swingrad {

nlohmann::json in_six_digits(double value) {
    if (!std::isfinite(value)) return nullptr;
    return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr);
}

nlohmann::json as_bytes(std::span<const double> values, const std::string& name) {
    for (const double value : values) check(std::isfinite(value), "{}: a value of {} cannot be drawn", name, value);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double least = values.empty() ? 0 : *low, most = values.empty() ? 0 : *high;
    const double unit = most > least ? 255 / (most - least) : 0;
    std::string bytes;
    for (const double value : values) bytes += static_cast<char>(std::lround((value - least) * unit));
    return {{"least", in_six_digits(least)}, {"most", in_six_digits(most)}, {"bytes", base64(bytes)}};
}

void SharesAsBytes::add_row(std::span<const float> shares) {
    const double most = shares.empty() ? 0 : *std::max_element(shares.begin(), shares.end());
    const auto units = static_cast<uint32_t>(std::lround(std::clamp(most, 0.0, 1.0) * 65535));
    largest += static_cast<char>(units & 255);
    largest += static_cast<char>(units >> 8);
    for (const float share : shares)
        parts += static_cast<char>(most > 0 ? std::lround(std::clamp(share / most, 0.0, 1.0) * 255) : 0);
}

}  // namespace swingrad
