#include "train/program/report/log_table.h"

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/json_file.h"
#include "core/io/quotes.h"

#include <algorithm>
#include <limits>
#include <map>
#include <sstream>

namespace swingrad {

std::vector<double> LogTable::column(const std::string& name) const {
    std::vector<double> values;
    for (const auto& epoch : epochs) {
        const auto found = epoch.find(name);
        const bool number = found != epoch.end() && found->is_number();
        values.push_back(number ? found->get<double>() : std::numeric_limits<double>::quiet_NaN());
    }
    return values;
}

bool LogTable::has(const std::string& name) const {
    return std::any_of(epochs.begin(), epochs.end(), [&](const auto& epoch) { return epoch.contains(name); });
}

namespace {

// Null where it is none that parse_json takes.
nlohmann::json json_of(const std::string& line) {
    try {
        return parse_json(line, "a line of a log");
    } catch (const Error&) {
        return nullptr;
    }
}

LogLine line_of(size_t number, std::string text) {
    nlohmann::json entry = json_of(text);
    using Kind = LogLine::Kind;
    Kind kind = Kind::unreadable;
    if (entry.is_object()) {
        const auto epoch = entry.find("epoch");
        const bool counts = epoch != entry.end() && is_int64(*epoch) && *epoch >= 1;
        const bool tests =
            entry.contains("test_loss") || entry.contains("test_accuracy") || entry.contains("weights_of_epoch");
        kind = counts ? Kind::epoch : tests && epoch == entry.end() ? Kind::test : Kind::unreadable;
    }
    if (kind == Kind::unreadable) entry = nullptr;
    return {kind, number, std::move(text), std::move(entry)};
}

}  // namespace

std::vector<LogLine> lines_of_log(const std::filesystem::path& log_jsonl) {
    std::istringstream text(read_file(log_jsonl));
    std::vector<LogLine> lines;
    size_t number = 0;
    for (std::string line; std::getline(text, line);) {
        ++number;
        if (line.empty()) continue;
        LogLine one = line_of(number, line);
        const bool half_written = text.eof() && one.kind == LogLine::Kind::unreadable;
        if (!half_written) lines.push_back(std::move(one));
    }
    return lines;
}

LogTable read_log(const std::filesystem::path& log_jsonl) {
    LogTable log;
    for (LogLine& line : lines_of_log(log_jsonl)) switch (line.kind) {
            case LogLine::Kind::epoch: log.epochs.push_back(std::move(line.entry)); break;
            case LogLine::Kind::test:
                log.finished = true;
                if (line.entry.contains("test_loss") || line.entry.contains("test_accuracy"))
                    log.test = std::move(line.entry);
                break;
            case LogLine::Kind::unreadable:
                log.unreadable.push_back(fmt::format("{}: line {} is no line of a log: {}", log_jsonl.string(),
                                                     line.number, in_quotes(line.text)));
        }
    return log;
}

std::vector<std::string> problems_of(const LogTable& log, int64_t epochs, const std::filesystem::path& log_jsonl) {
    std::vector<std::string> problems = log.unreadable;
    std::map<int64_t, int64_t> lines;  // by epoch
    for (const auto& epoch : log.epochs) ++lines[epoch["epoch"].get<int64_t>()];
    constexpr size_t most = 10;
    for (int64_t epoch = 1; epoch <= epochs && problems.size() < most; ++epoch)
        if (lines[epoch] != 1)
            problems.push_back(fmt::format("{}: {} of epoch {}, which is done", log_jsonl.string(),
                                           lines[epoch] == 0 ? "no line" : fmt::format("{} lines", lines[epoch]),
                                           epoch));
    return problems;
}

std::string csv_of(const LogTable& log) {
    std::vector<std::string> names;
    for (const auto& epoch : log.epochs)
        for (const auto& [name, value] : epoch.items())
            if (!value.is_array() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    const auto first = std::find(names.begin(), names.end(), "epoch");  // JSON sorts names; a table begins with this
    if (first != names.end()) std::rotate(names.begin(), first, first + 1);

    std::string text;
    const auto add_line = [&](auto&& cell) {
        for (size_t i = 0; i < names.size(); ++i) text += (i ? "," : "") + cell(names[i]);
        if (!names.empty()) text += "\n";
    };
    add_line([](const std::string& name) { return name; });
    for (const auto& epoch : log.epochs)
        add_line([&](const std::string& name) {
            return epoch.contains(name) && !epoch[name].is_null() ? epoch[name].dump() : std::string();
        });
    return text;
}

}  // namespace swingrad
