#include "train/report/report.h"

#include "core/file.h"
#include "train/report/confusion.h"
#include "train/report/curves.h"
#include "train/report/examples.h"
#include "train/report/page_style.h"
#include "train/report/text.h"
#include "train/run/progress.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

constexpr size_t examples_shown = 12, epochs_shown_open = 20;

struct Page {
    std::string name;  // of the run
    const RunConfig& config;
    const LogTable log;
    nlohmann::json environment;  // an array
    int64_t parameters;
    const Judged* judged;
    std::vector<std::pair<NamedFigure, std::string>> figures;  // with their SVG
    std::string no_figures;  // why, in a line that may name folders and so is not for the page
    bool gnuplot = true;
};

// ---- numbers

std::string number(double value) { return std::isfinite(value) ? fmt::format("{:.4g}", value) : "not finite"; }

std::string percent(double value) { return std::isfinite(value) ? fmt::format("{:.2f} %", value) : "not finite"; }

double median(std::vector<double> values) {
    std::erase_if(values, [](double value) { return !std::isfinite(value); });
    if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// Of a line of the log: counts as they are; null is JSON's NaN.
std::string number_in(const nlohmann::json& line, const char* name) {
    const auto found = line.find(name);
    if (found == line.end()) return "-";
    return found->is_number_integer() ? found->dump() : number(found->is_number() ? found->get<double>() : NAN);
}

// The text of a value in JSON: of a text without its quotes.
std::string shown(const nlohmann::json& value) {
    return without_folders(value.is_string() ? value.get<std::string>() : value.dump());
}

// ---- the parts of the page

std::string tile(const std::string& term, const std::string& value, const std::string& note = "") {
    const std::string small = note.empty() ? "" : "<small>" + escaped(note) + "</small>";
    return fmt::format("<div><dt>{}</dt><dd>{}{}</dd></div>\n", escaped(term), escaped(value), small);
}

std::string headline(const Page& page) {
    const auto accuracies = page.log.column("validation_accuracy");
    const auto worse = [](double a, double b) { return std::isnan(a) || a < b; };
    std::string html = "<dl class=\"headline\">\n";
    if (page.log.has("validation_accuracy")) {
        const auto best = std::max_element(accuracies.begin(), accuracies.end(), worse);
        html += tile(
            "Best validation accuracy", percent(*best),
            fmt::format("after epoch {}",
                        page.log.epochs[static_cast<size_t>(best - accuracies.begin())].at("epoch").get<int64_t>()));
    }
    if (page.log.test.is_object())
        html += tile("Test accuracy", percent(page.log.test.value("test_accuracy", NAN)),
                     fmt::format("weights of epoch {}", page.log.test.value("weights_of_epoch", int64_t{0})));
    html += tile("Parameters", grouped(page.parameters), page.config.recipe.model);
    html += tile("Epochs", fmt::format("{} of {}", page.log.epochs.size(), page.config.recipe.epochs));
    const auto seconds = page.log.column("seconds");
    if (!seconds.empty()) html += tile("Time", duration_text(seconds.back()), "training and validation");
    const double speed = median(page.log.column("images_per_s"));
    if (std::isfinite(speed))
        html += tile("Throughput", fmt::format("{:.0f}", speed), "images/s, median of the epochs");
    return html + "</dl>\n";
}

// "training from 2.3 to 0.41, validation from 2.2 to 0.5": what one sees in the figure, for those who do not.
std::string alternative(const Figure& figure) {
    std::string text = figure.title + " over epochs: ";
    for (const Series& one : figure.series)
        text +=
            fmt::format("{}{}from {} to {}", &one == &figure.series.front() ? "" : ", ",
                        figure.series.size() > 1 ? one.name + " " : "", number(one.y.front()), number(one.y.back()));
    return text;
}

std::string curves_section(const Page& page) {
    std::string html = "<h2>Curves</h2>\n";
    if (!page.no_figures.empty())
        return html +
               "<p>No figures: " + (page.gnuplot ? "they could not be drawn or written" : "gnuplot is not installed") +
               ". The numbers are in the table below.</p>\n";
    if (page.figures.empty()) return html + "<p>After the first epoch.</p>\n";
    html += "<div class=\"figures\">\n";
    for (const auto& [named, svg] : page.figures)
        html += fmt::format("<figure><img alt=\"{}\" src=\"data:image/svg+xml;base64,{}\"></figure>\n",
                            escaped(alternative(named.figure)), base64(svg));
    return html + "</div>\n";
}

std::string judged_sections(const Page& page) {
    if (!page.judged)
        return "<h2>Confusion and examples</h2>\n<p>None yet: they come from the validation images after an epoch, or, "
               "where there are none, from the test images at the end.</p>\n";
    const auto& [set, epoch, data, evaluation] = *page.judged;
    const auto& predictions = evaluation.predictions;
    const Confusion confusion(data.labels, predictions, static_cast<int64_t>(data.classes.size()));
    const std::string of =
        fmt::format("<p>{} {} images, weights of epoch {}: accuracy {}, loss {}.</p>\n", grouped(data.size()),
                    escaped(set), epoch, percent(evaluation.accuracy), number(evaluation.loss));
    return "<h2>Confusion</h2>\n" + of + html_of(confusion, data.classes) +
           "<h2>Examples</h2>\n<h3>Highest loss</h3>\n" +
           html_of_images(data, predictions, worst(predictions, examples_shown)) +
           "<h3>Right, and surest of it</h3>\n" +
           html_of_images(data, predictions, surest(predictions, data.labels, examples_shown));
}

std::string epochs_section(const Page& page) {
    struct Column {
        const char *name, *title;
    };
    std::vector<Column> columns{{"epoch", "epoch"},
                                {"train_loss", "training loss"},
                                {"train_accuracy", "training accuracy, %"},
                                {"validation_loss", "validation loss"},
                                {"validation_accuracy", "validation accuracy, %"},
                                {"learning_rate", "learning rate"},
                                {"gradient_norm", "gradient norm"},
                                {"images_per_s", "images/s"},
                                {"skipped_steps", "steps left out"},
                                {"seconds", "seconds in all"}};
    std::erase_if(columns, [&](const Column& column) { return !page.log.has(column.name); });
    const auto skipped = page.log.column("skipped_steps");
    if (std::none_of(skipped.begin(), skipped.end(), [](double steps) { return steps > 0; }))
        std::erase_if(columns, [](const Column& column) { return column.name == std::string_view("skipped_steps"); });
    if (page.log.epochs.empty()) return "<h2>Epochs</h2>\n<p>None yet.</p>\n";
    std::string html = fmt::format(
        "<h2>Epochs</h2>\n<details{}><summary>{} epochs</summary>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" "
        "aria-label=\"Epochs\"><table>\n<thead><tr>",
        page.log.epochs.size() <= epochs_shown_open ? " open" : "", page.log.epochs.size());
    for (const Column& column : columns) html += fmt::format("<th scope=\"col\">{}</th>", column.title);
    html += "</tr></thead>\n<tbody>\n";
    for (const auto& epoch : page.log.epochs) {
        html += "<tr>";
        for (const Column& column : columns) html += "<td>" + number_in(epoch, column.name) + "</td>";
        html += "</tr>\n";
    }
    return html + "</tbody></table></div>\n</details>\n";
}

std::string table_of(const nlohmann::json& object) {
    std::string html = "<table class=\"texts\"><tbody>\n";
    for (const auto& [name, value] : object.items())
        html += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(shown(value)));
    return html + "</tbody></table>\n";
}

std::string settings_section(const Page& page) {
    return "<h2>Settings</h2>\n<div class=\"pair\">\n<div><h3>Recipe</h3>\n" + table_of(to_json(page.config.recipe)) +
           "</div>\n<div><h3>Model</h3>\n" + table_of(config_to_json(page.config.model)) + "</div>\n</div>\n";
}

std::string environment_section(const Page& page) {
    std::string html = "<h2>Environment</h2>\n";
    if (!page.environment.is_array() || page.environment.empty()) return html + "<p>Not recorded.</p>\n";
    html += table_of(page.environment.back());
    for (size_t i = page.environment.size() - 1; i-- > 0;)
        html += fmt::format("<details><summary>Before, from {}</summary>\n{}</details>\n",
                            escaped(page.environment[i].is_object() ? page.environment[i].value("started", "?") : "?"),
                            table_of(page.environment[i]));
    return html;
}

std::string html_of(const Page& page) {
    const std::string title = escaped(page.name);
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<title>" +
           title + " - swingrad</title>\n<style>" + page_style + "</style>\n</head>\n<body>\n<header>\n<h1>" + title +
           "</h1>\n<p>" +
           escaped(fmt::format("{} on {}, {} classes, {} images to train on", page.config.recipe.model,
                               without_folders(page.config.recipe.data), page.config.classes.size(),
                               grouped(page.config.training_images))) +
           "</p>\n</header>\n<main>\n" + headline(page) + curves_section(page) + judged_sections(page) +
           epochs_section(page) + settings_section(page) + environment_section(page) +
           "</main>\n<footer>Written by swingrad; log.csv beside this page has the "
           "numbers.</footer>\n</body>\n</html>\n";
}

// ---- figures

void draw_figures(Page& page, const fs::path& folder) {
    try {
        const std::vector<NamedFigure> named = curves({{page.name, page.log}});
        if (named.empty()) return;
        std::vector<Figure> figures;
        for (const NamedFigure& one : named) figures.push_back(one.figure);
        const std::vector<std::string> pictures = svgs_of(figures);
        std::error_code error;
        fs::create_directories(folder, error);
        check(!error, "[report] cannot create {}: {}", folder.string(), error.message());
        for (size_t i = 0; i < named.size(); ++i) {
            write_file_atomically(folder / named[i].file, pictures[i]);
            page.figures.emplace_back(named[i], pictures[i]);
        }
    } catch (const NotInstalled&) {
        page.gnuplot = false;
        page.no_figures = "No figures: gnuplot is not installed (apt-get install gnuplot-nox)";
    } catch (const Error& error) {
        page.no_figures = fmt::format("No figures: {}", error.what());
    }
}

}  // namespace

std::string write_report(const RunFolder& folder, const RunConfig& config, int64_t parameters, const Judged* judged) {
    std::error_code error;
    Page page{.name = fs::canonical(folder.path, error).filename().string(),
              .config = config,
              .log = fs::exists(folder.log()) ? read_log(folder.log()) : LogTable{},
              .environment = {},
              .parameters = parameters,
              .judged = judged,
              .figures = {},
              .no_figures = {}};
    if (fs::exists(folder.environment()))
        page.environment = nlohmann::json::parse(read_file(folder.environment()), nullptr, false);
    draw_figures(page, folder.figures());
    write_file_atomically(folder.report(), html_of(page));
    return page.no_figures;
}

}  // namespace swingrad
