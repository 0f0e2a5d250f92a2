#include "train/program/report/score_sections.h"

#include "core/error.h"
#include "train/program/console/progress.h"
#include "train/program/console/text.h"
#include "train/program/report/page.h"

namespace swingrad {
namespace {

constexpr size_t most_shown_open = 20;

double percent_of(int64_t part, int64_t whole) { return 100 * static_cast<double>(part) / static_cast<double>(whole); }

std::string row_of(const ClassScores& one, const std::string& name) {
    const std::string precision = one.predicted > 0 ? fmt::format("{:.1f} %", 100 * one.precision) : "-";
    if (one.support == 0)
        return fmt::format(
            "<tr><th scope=\"row\">{}</th><td class=\"bar\"></td><td>-</td><td>{}</td><td>-</td>"
            "<td>0</td></tr>\n",
            escaped(name), precision);
    return fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"bar\"><span style=\"--share:{:.3f}\"></span></td>"
        "<td>{:.1f} %</td><td>{}</td><td>{:.1f} %</td><td>{}</td></tr>\n",
        escaped(name), one.recall, 100 * one.recall, precision, 100 * one.f1, grouped(one.support));
}

}  // namespace

std::string html_of_classes(const Scores& scores, const std::vector<std::string>& names) {
    check(names.size() == scores.classes.size(), "[report] got {} names of {} classes", names.size(),
          scores.classes.size());
    std::string table =
        "<table class=\"classes\">\n<thead><tr><th scope=\"col\">class</th><th scope=\"col\"></th>"
        "<th scope=\"col\">right (recall)</th><th scope=\"col\">precision</th><th scope=\"col\">F1</th>"
        "<th scope=\"col\">images</th></tr></thead>\n<tbody>\n";
    for (size_t k = 0; k < names.size(); ++k) table += row_of(scores.classes[k], names[k]);
    table += fmt::format(
        "<tr class=\"mean\"><th scope=\"row\">mean of the classes</th><td class=\"bar\"></td><td>{:.1f} %</td>"
        "<td>{:.1f} %</td><td>{:.1f} %</td><td>{}</td></tr>\n</tbody></table>",
        100 * scores.macro_recall, 100 * scores.macro_precision, 100 * scores.macro_f1, grouped(scores.samples));
    const std::string scrolling = html_scrolling("Classes", table, 5);
    if (names.size() <= most_shown_open) return scrolling;
    return fmt::format("<details><summary>{} classes</summary>\n{}</details>\n", names.size(), scrolling);
}

NamedFigure calibration_figure(const Scores& scores, const std::string& samples_are) {
    Series model{"right", {}, {}}, even{"as often right as sure", {0, 100}, {0, 100}},
        share{"share of the " + samples_are, {}, {}};
    for (const CalibrationBin& bin : scores.bins) {
        if (bin.samples == 0) continue;
        model.x.push_back(100 * bin.confidence);
        model.y.push_back(100 * bin.accuracy);
        share.x.push_back(100 * bin.confidence);
        share.y.push_back(percent_of(bin.samples, scores.samples));
    }
    Figure figure{"Calibration", "probability of the predicted class, %", "percent", {}, false, false, true};
    figure.series = {std::move(model), std::move(even), std::move(share)};
    return {"calibration.svg", std::move(figure)};
}

std::string html_of_calibration(const Scores& scores, const std::string& samples_are) {
    std::string table = fmt::format(
        "<table>\n<thead><tr><th scope=\"col\">probability</th><th scope=\"col\">mean</th><th scope=\"col\">right</th>"
        "<th scope=\"col\">{}</th></tr></thead>\n<tbody>\n",
        samples_are);
    double confidence = 0;
    for (size_t b = 0; b < scores.bins.size(); ++b) {
        const CalibrationBin& bin = scores.bins[b];
        if (bin.samples == 0) continue;
        const auto end = [](size_t of) { return 100.0 * static_cast<double>(of) / calibration_bins; };
        table += fmt::format("<tr><td>{:.1f} to {:.1f} %</td><td>{:.1f} %</td><td>{:.1f} %</td><td>{}</td></tr>\n",
                             end(b), end(b + 1), 100 * bin.confidence, 100 * bin.accuracy, grouped(bin.samples));
        confidence += bin.confidence * static_cast<double>(bin.samples) / static_cast<double>(scores.samples);
    }
    return fmt::format(
        "<p>On average the model gives its answer {:.1f} %, and is right in {:.1f} %. Expected calibration error, over "
        "{} bins: {:.1f} %. Below the straight line it is surer than it is right.</p>\n"
        "<details><summary>The numbers</summary>\n{}</details>\n",
        100 * confidence, scores.accuracy, calibration_bins, 100 * scores.calibration_error,
        html_scrolling("Calibration", table + "</tbody></table>", 4));
}

}  // namespace swingrad
