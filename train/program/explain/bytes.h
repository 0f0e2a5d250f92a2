// Numbers as the page has them: pictures in a byte a number, all others in six digits.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace swingrad {

// In six significant digits; null where it is not finite.
nlohmann::json in_six_digits(double value);

// {"least", "most", "bytes"}: a number is least + byte / 255 (most - least), so it is off by at most
// (most - least) / 510. The bytes are in base64. Throws an Error that begins with `name` where one is not finite.
nlohmann::json as_bytes(std::span<const double> values, const std::string& name);

// A row of shares, each from 0 to 1: its largest in 16 bits, little-endian, in units of 1 / 65535, and each as a part
// of that in 8 bits. A share is off by at most largest / 510 + 1 / 131070.
struct SharesAsBytes {
    std::string largest, parts;  // of all rows so far
    void add_row(std::span<const float> shares);
};

}  // namespace swingrad
