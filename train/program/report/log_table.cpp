#include "train/program/report/log_table.h"

#include "core/io/file.h"

#include <algorithm>
#include <limits>
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

LogTable read_log(const std::filesystem::path& log_jsonl) {
    std::istringstream lines(read_file(log_jsonl));
    LogTable log;
    for (std::string line; std::getline(lines, line);) {
        auto entry = nlohmann::json::parse(line, nullptr, false);
        if (!entry.is_object()) continue;
        const auto epoch = entry.find("epoch");
        if (epoch != entry.end() && epoch->is_number_integer()) log.epochs.push_back(std::move(entry));
        else if (entry.contains("test_loss") || entry.contains("test_accuracy")) log.test = std::move(entry);
    }
    return log;
}

std::string csv_of(const LogTable& log) {
    std::vector<std::string> names;
    for (const auto& epoch : log.epochs)
        for (const auto& [name, value] : epoch.items())
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
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
