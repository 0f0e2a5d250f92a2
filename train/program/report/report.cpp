#include "train/program/report/report.h"

#include "core/io/file.h"
#include "train/program/console/progress.h"
#include "train/program/console/text.h"
#include "train/program/report/confusion.h"
#include "train/program/report/curves.h"
#include "train/program/report/examples.h"
#include "train/program/report/page.h"
#include "train/program/report/score_sections.h"
#include "train/program/report/scores/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

constexpr size_t examples_shown = 12, epochs_shown_open = 20;

// What may choose a checkpoint: in logs, in words.
constexpr std::pair<const char*, const char*> scores_by_name[] = {{"accuracy", "accuracy"}, {"mean_iou", "mean IoU"}};

struct Page {
    const ReportedRun& run;
    const Judged* judged;
    std::optional<Scores> scores;  // of images whose classes were predicted
    DrawnFigures figures;

    // Of the curves, or of all else.
    DrawnFigures figures_of(bool curves) const {
        DrawnFigures some = figures;
        std::erase_if(some.figures, [=](const auto& one) { return (one.first.file == "calibration.svg") == curves; });
        return some;
    }
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

// ---- the parts of the page

// The first epoch, from 0, of the same sizes as the last: of a run in phases, weights are kept of the last one.
size_t first_of_phase(const LogTable& log) {
    const auto sizes = [&](size_t i) {
        return std::pair{log.epochs[i].value("img_size", nlohmann::json()),
                         log.epochs[i].value("patch_size", nlohmann::json())};
    };
    size_t first = log.epochs.size() - 1;
    while (first > 0 && sizes(first - 1) == sizes(log.epochs.size() - 1)) --first;
    return first;
}

// The epoch whose weights were kept, and its score on validation: the highest, of equal ones that with the lowest loss.
std::pair<int64_t, double> best_epoch(const LogTable& log, const std::string& score) {
    const auto accuracies = log.column(score), losses = log.column("validation_loss");
    size_t best = first_of_phase(log);
    for (size_t i = best + 1; i < accuracies.size(); ++i) {
        const bool higher = accuracies[i] > accuracies[best] || std::isnan(accuracies[best]);
        if (higher || (accuracies[i] == accuracies[best] && losses[i] < losses[best])) best = i;
    }
    return {log.epochs[best].at("epoch").get<int64_t>(), accuracies[best]};
}

// Whether what is judged are averages of weights.
bool averages(const Page& page) {
    const nlohmann::json& recipe = page.run.recipe;
    return recipe.is_object() && recipe.value("model-ema", false);
}

std::string headline(const Page& page) {
    std::string html = "<dl class=\"headline\">\n";
    for (const auto& [name, text] : scores_by_name) {
        if (!page.run.log.has(fmt::format("validation_{}", name))) continue;
        const auto [epoch, score] = best_epoch(page.run.log, fmt::format("validation_{}", name));
        html +=
            html_tile(fmt::format("Best validation {}", text), percent(score), fmt::format("after epoch {}", epoch));
    }
    if (const nlohmann::json& test = page.run.log.test; test.is_object()) {
        const std::string of = fmt::format("weights of epoch {}", test.value("weights_of_epoch", int64_t{0}));
        const auto* scored = std::find_if(std::begin(scores_by_name), std::end(scores_by_name), [&](const auto& one) {
            return test.contains(fmt::format("test_{}", one.first));
        });
        html += scored != std::end(scores_by_name)
                    ? html_tile(fmt::format("Test {}", scored->second),
                                percent(test.value(fmt::format("test_{}", scored->first), NAN)), of)
                    : html_tile("Test loss", number(test.value("test_loss", NAN)), of);
    }
    html += html_tile("Parameters", grouped(page.run.parameters), page.run.model);
    const auto done = static_cast<int64_t>(page.run.log.epochs.size());
    html += html_tile("Epochs", fmt::format("{} of {}", done, page.run.epochs),
                      page.run.log.finished && done < page.run.epochs ? "stopped early" : "");
    const auto seconds = page.run.log.column("seconds");
    if (!seconds.empty()) html += html_tile("Time", duration_text(seconds.back()), "training and validation");
    const double speed = median(page.run.log.column(page.run.samples_are + "_per_s"));
    if (std::isfinite(speed))
        html += html_tile("Throughput", fmt::format("{:.0f}", speed),
                          fmt::format("{}/s, median of the epochs", page.run.samples_are));
    return html + "</dl>\n";
}

std::string curves_section(const Page& page) {
    const DrawnFigures curves = page.figures_of(true);
    const bool none_yet = curves.figures.empty() && curves.problem.empty();
    return "<h2>Curves</h2>\n" + (none_yet ? "<p>After the first epoch.</p>\n" : html_of(curves));
}

std::string judged_sections(const Page& page) {
    if (!page.judged)
        return fmt::format(
            "<h2>Validation and test</h2>\n<p>None yet: they come from the validation {0} after an epoch, "
            "or, where there are none, from the test {0} at the end.</p>\n",
            page.run.samples_are);
    const auto& [set, epoch, samples, images, accuracy, loss, predictions, more_html] = *page.judged;
    const std::string accuracy_text = std::isnan(accuracy) ? "" : fmt::format("accuracy {}, ", percent(accuracy));
    const std::string of =
        fmt::format("<p>{} {} {}, {}weights of epoch {}: {}loss {}.</p>\n", grouped(samples), escaped(set),
                    page.run.samples_are, averages(page) ? "averaged " : "", epoch, accuracy_text, number(loss));
    if (!page.scores) return "<h2>Validation and test</h2>\n" + of + more_html;
    const DrawnFigures calibration = page.figures_of(false);
    const Confusion confusion(images->labels, predictions, static_cast<int64_t>(images->classes.size()));
    return "<h2>Classes</h2>\n" + of + html_of_classes(*page.scores, images->classes) + "<h2>Calibration</h2>\n" +
           (calibration.figures.empty() ? "" : "<div class=\"narrow\">" + html_of(calibration) + "</div>\n") +
           html_of_calibration(*page.scores, page.run.samples_are) + "<h2>Confusion</h2>\n" +
           html_of(confusion, images->classes) + "<h2>Examples</h2>\n<h3>Highest loss</h3>\n" +
           html_of_images(*images, predictions, worst(predictions, examples_shown)) +
           "<h3>Right, and surest of it</h3>\n" +
           html_of_images(*images, predictions, surest(predictions, images->labels, examples_shown)) + more_html;
}

std::string batch_section(const Page& page) {
    if (page.run.batch_png.empty()) return "";
    return fmt::format(
        "<h2>What the model sees</h2>\n<figure class=\"sheet\"><img alt=\"The first training images as augmented\" "
        "src=\"data:image/png;base64,{}\"><figcaption>The first training images of the first epoch, as augmented."
        "</figcaption></figure>\n",
        base64(page.run.batch_png));
}

std::string epochs_section(const Page& page) {
    struct Column {
        const char *name, *title;
    };
    const bool smoothed = page.run.label_smoothing > 0;
    std::vector<Column> columns{{"epoch", "epoch"},
                                {"img_size", "rows and columns of images"},
                                {"patch_size", "of patches"},
                                {"train_loss", smoothed ? "training loss, smoothed targets" : "training loss"},
                                {"train_accuracy", "training accuracy, %"},
                                {"validation_loss", "validation loss"},
                                {"validation_accuracy", "validation accuracy, %"},
                                {"validation_mean_iou", "validation mean IoU, %"},
                                {"learning_rate", "learning rate, last step"},
                                {"gradient_norm", "gradient norm"},
                                {"images_per_s", "images/s"},
                                {"samples_per_s", "samples/s"},
                                {"skipped_steps", "steps left out"},
                                {"seconds", "seconds in all"}};
    std::erase_if(columns, [&](const Column& column) { return !page.run.log.has(column.name); });
    const auto skipped = page.run.log.column("skipped_steps");
    if (std::none_of(skipped.begin(), skipped.end(), [](double steps) { return steps > 0; }))
        std::erase_if(columns, [](const Column& column) { return column.name == std::string_view("skipped_steps"); });
    if (page.run.log.epochs.empty()) return "<h2>Epochs</h2>\n<p>None yet.</p>\n";
    std::string table = "<table>\n<thead><tr>";
    for (const Column& column : columns) table += fmt::format("<th scope=\"col\">{}</th>", column.title);
    table += "</tr></thead>\n<tbody>\n";
    for (const auto& epoch : page.run.log.epochs) {
        table += "<tr>";
        for (const Column& column : columns) table += "<td>" + number_in(epoch, column.name) + "</td>";
        table += "</tr>\n";
    }
    table += "</tbody></table>";
    return fmt::format("<h2>Epochs</h2>\n<details{}><summary>{} epochs</summary>\n{}</details>\n",
                       page.run.log.epochs.size() <= epochs_shown_open ? " open" : "", page.run.log.epochs.size(),
                       html_scrolling("Epochs", table, columns.size()));
}

std::string settings_section(const Page& page) {
    return "<h2>Settings</h2>\n<div class=\"pair\">\n<div><h3>Recipe</h3>\n" + html_of_object(page.run.recipe) +
           "</div>\n<div><h3>Model</h3>\n" + html_of_object(page.run.architecture) + "</div>\n</div>\n";
}

// When a start of the run was, as far as its entry says.
std::string start_of(const nlohmann::json& entry) {
    const nlohmann::json started = entry.is_object() ? entry.value("started", nlohmann::json()) : nlohmann::json();
    return started.is_string() ? started.get<std::string>() : "?";
}

std::string environment_section(const Page& page) {
    std::string html = "<h2>Environment</h2>\n";
    if (!page.run.environment.is_array() || page.run.environment.empty()) return html + "<p>Not recorded.</p>\n";
    html += html_of_object(page.run.environment.back());
    for (size_t i = page.run.environment.size() - 1; i-- > 0;)
        html += fmt::format("<details><summary>Before, from {}</summary>\n{}</details>\n",
                            escaped(start_of(page.run.environment[i])), html_of_object(page.run.environment[i]));
    return html;
}

std::string html_of(const Page& page) {
    const std::string subtitle =
        fmt::format("{} on {}, {}{} {} to train on", page.run.model, without_folders(page.run.data),
                    page.run.classes > 0 ? fmt::format("{} classes, ", page.run.classes) : "",
                    grouped(page.run.training_samples), page.run.samples_are);
    return html_page(page.run.name, subtitle,
                     headline(page) + curves_section(page) + judged_sections(page) + batch_section(page) +
                         epochs_section(page) + settings_section(page) + environment_section(page),
                     "Written by swingrad; log.csv beside this page has the numbers.");
}

}  // namespace

std::string write_report(const ReportedRun& run, const Judged* judged, const fs::path& page, const fs::path& figures) {
    std::vector<NamedFigure> figures_wanted = curves({{run.name, run.log, run.rates, run.label_smoothing}});
    std::optional<Scores> scores;
    if (judged && judged->images && !judged->predictions.empty()) {
        const auto classes = static_cast<int64_t>(judged->images->classes.size());
        scores = scores_of(judged->images->labels, judged->predictions, classes);
        figures_wanted.push_back(calibration_figure(*scores, run.samples_are));
    }
    const Page content{run, judged, std::move(scores), draw_figures(std::move(figures_wanted), figures)};
    write_file_atomically(page, html_of(content));
    return content.figures.problem;
}

}  // namespace swingrad
