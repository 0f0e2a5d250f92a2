// A run's log.jsonl as columns of numbers, for figures and tables.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace swingrad {

// A line of the file, without its end.
struct LogLine {
    enum class Kind { epoch, test, unreadable };
    Kind kind;
    size_t number;  // 1 is the first
    std::string text;
    nlohmann::json entry;  // what it says; null where it is unreadable
};

struct LogTable {
    std::vector<nlohmann::json> epochs;     // the objects of the epochs' lines, in order
    nlohmann::json test;                    // of the last line, once the run is over and where it was tested; else null
    bool finished = false;                  // whether the run is over
    std::vector<std::string> unreadable{};  // "runs/a/log.jsonl: line 3 is no line of a log: ..."

    // A number an epoch; NaN where its line has none under this name, or null (JSON's NaN).
    std::vector<double> column(const std::string& name) const;
    bool has(const std::string& name) const;  // in any epoch
};

// Every line but empty ones, and but a last one without an end, as a killed process may leave it half-written: its
// epoch is in no checkpoint. Throws an Error naming the file where it cannot be read.
std::vector<LogLine> lines_of_log(const std::filesystem::path& log_jsonl);
LogTable read_log(const std::filesystem::path& log_jsonl);

// What is wrong with a log whose run has done so many epochs, a line each: lines that say nothing, epochs that have no
// line or several.
std::vector<std::string> problems_of(const LogTable& log, int64_t epochs, const std::filesystem::path& log_jsonl);

// The CSV of the epochs: a line of names, in the order in which they first occur, and a line an epoch with the numbers
// as in JSON; nothing where there is none. A list has no column. Names and numbers are the program's own: nothing needs
// quoting.
std::string csv_of(const LogTable& log);

}  // namespace swingrad
