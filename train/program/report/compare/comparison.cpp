#include "train/program/report/compare/comparison.h"

#include "core/io/quotes.h"
#include "train/program/console/progress.h"
#include "train/program/console/text.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>

namespace swingrad {
namespace {

constexpr const char* nothing = "-";
constexpr double none = std::numeric_limits<double>::quiet_NaN();

std::string shown(const nlohmann::json& value) {
    return without_folders(value.is_string() ? value.get<std::string>()
                                             : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void add_differences(std::vector<ComparedRow>& rows, const std::vector<ComparedRun>& runs,
                     nlohmann::json ComparedRun::*object) {
    std::set<std::string> names;
    for (const ComparedRun& run : runs)
        for (const auto& [name, value] : (run.*object).items()) names.insert(name);
    for (const std::string& name : names) {
        const auto value_of = [&](const ComparedRun& run) { return (run.*object).value(name, nlohmann::json()); };
        const bool same = std::all_of(runs.begin(), runs.end(),
                                      [&](const ComparedRun& run) { return value_of(run) == value_of(runs.front()); });
        if (same) continue;
        ComparedRow row{name, {}};
        for (const ComparedRun& run : runs) {
            const nlohmann::json value = value_of(run);
            row.values.push_back(value.is_null() || value == "" ? nothing : shown(value));
        }
        rows.push_back(std::move(row));
    }
}

// ---- results

size_t epochs_of(const ComparedRun& run) { return run.log.log.epochs.size(); }

std::string state_of(const ComparedRun& run) {
    const LogTable& log = run.log.log;
    const nlohmann::json asked = run.settings.value("epochs", nlohmann::json());
    const std::string of = asked.is_number() ? " of " + asked.dump() : "";
    if (log.epochs.empty()) return "no epoch yet";
    const bool early = log.finished && asked.is_number() && static_cast<double>(epochs_of(run)) < asked.get<double>();
    return fmt::format("{}{}{}", epochs_of(run), of, early ? ", stopped early" : log.finished ? "" : ", not finished");
}

// The number of the epoch with the best validation, as the run chooses it, under this name; NaN where there is none.
double best(const LogTable& log, const std::string& name) {
    const bool of_pixels = log.has("validation_mean_iou");
    const std::vector<double> accuracies = log.column(of_pixels ? "validation_mean_iou" : "validation_accuracy"),
                              losses = log.column("validation_loss");
    const std::vector<double> values = log.column(name);
    size_t chosen = values.size();
    for (size_t i = 0; i < values.size(); ++i) {
        if (std::isnan(accuracies[i]) && std::isnan(losses[i])) continue;
        const bool first = chosen == values.size();
        if (first || accuracies[i] > accuracies[chosen] ||
            (!(accuracies[i] < accuracies[chosen]) && losses[i] < losses[chosen]))
            chosen = i;
    }
    return chosen == values.size() ? none : values[chosen];
}

double in_test(const LogTable& log, const char* name) {
    if (!log.test.is_object() || !log.test.contains(name) || !log.test[name].is_number()) return none;
    return log.test[name].get<double>();
}

double median(std::vector<double> values) {
    std::erase_if(values, [](double value) { return !std::isfinite(value); });
    if (values.empty()) return none;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

double throughput_of(const LogTable& log) {
    const double images = median(log.column("images_per_s"));
    return std::isnan(images) ? median(log.column("samples_per_s")) : images;
}

double last(const std::vector<double>& column) { return column.empty() ? none : column.back(); }

// Left out where no run has a number.
void add_numbers(std::vector<ComparedRow>& rows, const std::vector<ComparedRun>& runs, const char* what,
                 const std::function<double(const LogTable&)>& number_of,
                 const std::function<std::string(double)>& text_of) {
    ComparedRow row{what, {}};
    bool any = false;
    for (const ComparedRun& run : runs) {
        const double number = number_of(run.log.log);
        any = any || std::isfinite(number);
        row.values.push_back(std::isfinite(number) ? text_of(number) : nothing);
    }
    if (any) rows.push_back(std::move(row));
}

std::string percent(double value) { return fmt::format("{:.2f} %", value); }
std::string loss(double value) { return fmt::format("{:.4f}", value); }
std::string whole(double value) { return fmt::format("{:.0f}", value); }

// ---- as HTML and text

std::string html_of(const std::vector<ComparedRun>& runs, const std::vector<ComparedRow>& rows,
                    const std::string& label) {
    std::string table = "<table class=\"compared\">\n<thead><tr><th scope=\"col\"></th>";
    for (const ComparedRun& run : runs) table += "<th scope=\"col\">" + escaped(run.name) + "</th>";
    table += "</tr></thead>\n<tbody>\n";
    for (const ComparedRow& row : rows) {
        table += "<tr><th scope=\"row\">" + escaped(row.what) + "</th>";
        for (const std::string& value : row.values) table += "<td>" + escaped(value) + "</td>";
        table += "</tr>\n";
    }
    return html_scrolling(label, table + "</tbody></table>", 1 + 3 * runs.size());
}

DrawnFigures some_of(const DrawnFigures& figures, bool over_time) {
    DrawnFigures some = figures;
    std::erase_if(some.figures,
                  [=](const auto& one) { return (one.first.file.find("-by-time") != std::string::npos) != over_time; });
    return some;
}

}  // namespace

std::vector<ComparedRow> differences_of(const std::vector<ComparedRun>& runs) {
    std::vector<ComparedRow> rows;
    add_differences(rows, runs, &ComparedRun::settings);
    add_differences(rows, runs, &ComparedRun::environment);
    return rows;
}

std::vector<ComparedRow> results_of(const std::vector<ComparedRun>& runs) {
    std::vector<ComparedRow> rows{{"epochs", {}}};
    for (const ComparedRun& run : runs) rows[0].values.push_back(state_of(run));
    const auto best_of = [](const char* name) { return [name](const LogTable& log) { return best(log, name); }; };
    const auto test_of = [](const char* name) { return [name](const LogTable& log) { return in_test(log, name); }; };
    const auto last_of = [](const char* name) {
        return [name](const LogTable& log) { return last(log.column(name)); };
    };
    add_numbers(rows, runs, "best validation accuracy", best_of("validation_accuracy"), percent);
    add_numbers(rows, runs, "best validation mean IoU", best_of("validation_mean_iou"), percent);
    add_numbers(rows, runs, "its loss", best_of("validation_loss"), loss);
    add_numbers(rows, runs, "its epoch", best_of("epoch"), whole);
    add_numbers(rows, runs, "test accuracy", test_of("test_accuracy"), percent);
    add_numbers(rows, runs, "test mean IoU", test_of("test_mean_iou"), percent);
    add_numbers(rows, runs, "test loss", test_of("test_loss"), loss);
    add_numbers(rows, runs, "last training loss", last_of("train_loss"), loss);
    add_numbers(rows, runs, "time", last_of("seconds"), duration_text);
    add_numbers(rows, runs, "samples a second, median", throughput_of, whole);
    return rows;
}

std::vector<NamedFigure> figures_of(const std::vector<ComparedRun>& runs) {
    std::vector<NamedLog> logs;
    for (const ComparedRun& run : runs)
        if (!run.log.log.epochs.empty()) logs.push_back(run.log);
    std::vector<NamedFigure> figures = curves(logs);
    for (NamedFigure& one : curves_by_time(logs)) figures.push_back(std::move(one));
    return figures;
}

std::string text_of_rows(const std::vector<ComparedRun>& runs, const std::vector<ComparedRow>& rows) {
    constexpr size_t widest = 32;
    const auto cut = [](const std::string& text) {
        std::string line = on_one_line(text);
        if (columns_of(line) <= widest) return line;
        size_t end = widest - 3;
        while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;  // whole characters
        return line.substr(0, end) + "...";
    };
    std::vector<std::vector<std::string>> cells{{""}};
    for (const ComparedRun& run : runs) cells[0].push_back(cut(run.name));
    for (const ComparedRow& row : rows) {
        cells.push_back({cut(row.what)});
        for (const std::string& value : row.values) cells.back().push_back(cut(value));
    }
    std::string text;
    std::vector<size_t> widths(runs.size() + 1, 0);
    for (const auto& line : cells)
        for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], columns_of(line[i]));
    for (const auto& line : cells) {
        std::string row;
        for (size_t i = 0; i < line.size(); ++i) {
            const std::string space(widths[i] - columns_of(line[i]), ' ');
            row += i == 0 ? line[i] + space : "  " + space + line[i];
        }
        text += row + "\n";
    }
    return text;
}

std::string comparison_page(const std::vector<ComparedRun>& runs, const DrawnFigures& figures) {
    const std::vector<ComparedRow> differences = differences_of(runs);
    const DrawnFigures by_time = some_of(figures, true);
    std::string main = "<h2>Results</h2>\n" + html_of(runs, results_of(runs), "Results") + "<h2>What differs</h2>\n" +
                       (differences.empty() ? "<p>No setting, and not what they ran on.</p>\n"
                                            : html_of(runs, differences, "What differs")) +
                       "<h2>By epoch</h2>\n" + swingrad::html_of(some_of(figures, false));
    if (!by_time.figures.empty())
        main += "<h2>By time</h2>\n<p>Of training and validation, as each run's machine took it.</p>\n" +
                swingrad::html_of(by_time);
    std::string names;
    for (const ComparedRun& run : runs) names += (names.empty() ? "" : ", ") + run.name;
    return html_page(fmt::format("{} runs compared", runs.size()), names, main, "Written by swingrad compare.");
}

}  // namespace swingrad
