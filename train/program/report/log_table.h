// A run's log.jsonl as columns of numbers, for figures and tables.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace swingrad {

struct LogTable {
    std::vector<nlohmann::json> epochs;  // the objects of the epochs' lines, in order
    nlohmann::json test;                 // of the last line, once the run is over; null before

    // A number an epoch; NaN where its line has none under this name, or null (JSON's NaN).
    std::vector<double> column(const std::string& name) const;
    bool has(const std::string& name) const;  // in any epoch
};

// Lines that are no JSON, such as a killed process may leave half-written, are passed over. Throws an Error naming the
// file where it cannot be read.
LogTable read_log(const std::filesystem::path& log_jsonl);

// The CSV of the epochs: a line of names, in the order in which they first occur, and a line an epoch with the numbers
// as in JSON; nothing where there is none. Names and numbers are the program's own: nothing needs quoting.
std::string csv_of(const LogTable& log);

}  // namespace swingrad
