#include "train/program/report/confusion.h"

#include "core/error.h"
#include "train/program/console/text.h"
#include "train/program/images/image_file.h"
#include "train/program/report/page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace swingrad {

Confusion::Confusion(const std::vector<int64_t>& labels, const std::vector<Prediction>& predictions, int64_t classes)
    : classes_(classes), counts_(static_cast<size_t>(classes * classes), 0) {
    check(labels.size() == predictions.size(), "[confusion] got {} labels and {} predictions", labels.size(),
          predictions.size());
    for (size_t i = 0; i < labels.size(); ++i)
        counts_.at(static_cast<size_t>(labels[i] * classes + predictions[i].predicted)) += 1;
}

int64_t Confusion::images(int64_t truth) const {
    const auto row = counts_.begin() + truth * classes_;
    return std::accumulate(row, row + classes_, int64_t{0});
}

double Confusion::share(int64_t truth, int64_t predicted) const {
    const int64_t all = images(truth);
    return all == 0 ? 0 : static_cast<double>(count(truth, predicted)) / static_cast<double>(all);
}

std::vector<Confused> Confusion::mistakes(size_t most) const {
    std::vector<Confused> found;
    for (int64_t truth = 0; truth < classes_; ++truth)
        for (int64_t predicted = 0; predicted < classes_; ++predicted)
            if (truth != predicted && count(truth, predicted) > 0)
                found.push_back({truth, predicted, count(truth, predicted)});
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
    found.resize(std::min(found.size(), most));
    return found;
}

std::vector<int64_t> Confusion::hardest(size_t most) const {
    std::vector<std::pair<double, int64_t>> classes;
    for (int64_t k = 0; k < classes_; ++k)
        if (images(k) > 0) classes.emplace_back(share(k, k), k);
    std::sort(classes.begin(), classes.end());
    classes.resize(std::min(classes.size(), most));
    std::vector<int64_t> hardest;
    for (const auto& [share, k] : classes) hardest.push_back(k);
    return hardest;
}

// ---- as HTML

namespace {

constexpr int64_t most_in_table = 20;
constexpr size_t most_listed = 12;

std::string name_of_class(const std::vector<std::string>& names, int64_t k) {
    return escaped(names.at(static_cast<size_t>(k)));
}

// Right answers in one colour and mistakes in another. By the square root: a mistake in twenty must not be white.
std::string cell(const Confusion& confusion, int64_t truth, int64_t predicted) {
    const int64_t count = confusion.count(truth, predicted);
    if (count == 0) return "<td class=\"none\">0</td>";
    const double shade = std::sqrt(confusion.share(truth, predicted));
    return fmt::format("<td class=\"{}{}\" style=\"--shade:{:.2f}\">{}</td>", truth == predicted ? "right" : "mistake",
                       shade > 0.7 ? " strong" : "", shade, count);
}

std::string table(const Confusion& confusion, const std::vector<std::string>& names) {
    std::string html =
        "<table class=\"matrix\">\n"
        "<thead><tr><th scope=\"col\">true \\ predicted</th>";
    for (int64_t k = 0; k < confusion.classes(); ++k)
        html += "<th scope=\"col\" class=\"upright\"><span>" + name_of_class(names, k) + "</span></th>";
    html += "<th scope=\"col\">right</th></tr></thead>\n<tbody>\n";
    for (int64_t truth = 0; truth < confusion.classes(); ++truth) {
        html += "<tr><th scope=\"row\">" + name_of_class(names, truth) + "</th>";
        for (int64_t k = 0; k < confusion.classes(); ++k) html += cell(confusion, truth, k);
        const bool any = confusion.images(truth) > 0;
        html += any ? fmt::format("<td>{:.0f} %</td></tr>\n", 100 * confusion.share(truth, truth))
                    : "<td>no image</td></tr>\n";
    }
    return html_scrolling("Confusion matrix", html + "</tbody></table>", names.size() + 2);
}

// A pixel a cell, in the colours of the table on white.
std::string picture(const Confusion& confusion) {
    constexpr std::array<double, 3> right{0, 114, 178}, mistake{213, 94, 0};
    const int64_t K = confusion.classes();
    const Tensor image = Tensor::empty({K, K, 3}, DType::uint8);
    uint8_t* pixel = image.data<uint8_t>();
    for (int64_t truth = 0; truth < K; ++truth) {
        const auto all = static_cast<double>(std::max<int64_t>(1, confusion.images(truth)));
        for (int64_t k = 0; k < K; ++k)
            for (size_t channel = 0; channel < 3; ++channel) {
                const double shade = std::sqrt(static_cast<double>(confusion.count(truth, k)) / all);
                const double colour = (truth == k ? right : mistake)[channel];
                *pixel++ = static_cast<uint8_t>(std::lround(255 + shade * (colour - 255)));
            }
    }
    return fmt::format(
        "<figure class=\"heat\"><img alt=\"Confusion matrix of {0} classes: the darker the diagonal, the better\" "
        "src=\"data:image/png;base64,{1}\"><figcaption>A row is a true class, a column a predicted one, in the order "
        "of their names: right answers blue, mistakes orange.</figcaption></figure>\n",
        K, base64(png_of(image)));
}

std::string mistakes_table(const Confusion& confusion, const std::vector<std::string>& names) {
    const auto mistakes = confusion.mistakes(most_listed);
    if (mistakes.empty()) return "<p>Not one mistake.</p>\n";
    std::string html =
        "<h3>Most frequent mistakes</h3>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">true</th>"
        "<th scope=\"col\">predicted</th><th scope=\"col\">images</th><th scope=\"col\">of the class</th></tr></thead>"
        "\n<tbody>\n";
    for (const Confused& one : mistakes)
        html +=
            fmt::format("<tr><td class=\"name\">{}</td><td class=\"name\">{}</td><td>{}</td><td>{:.0f} %</td></tr>\n",
                        name_of_class(names, one.truth), name_of_class(names, one.predicted), one.count,
                        100 * confusion.share(one.truth, one.predicted));
    return html + "</tbody></table></div>\n";
}

std::string hardest_table(const Confusion& confusion, const std::vector<std::string>& names) {
    std::string html =
        "<h3>Hardest classes</h3>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">class</th>"
        "<th scope=\"col\">right</th><th scope=\"col\">images</th></tr></thead>\n<tbody>\n";
    for (const int64_t k : confusion.hardest(most_listed))
        html += fmt::format("<tr><td class=\"name\">{}</td><td>{:.0f} %</td><td>{}</td></tr>\n",
                            name_of_class(names, k), 100 * confusion.share(k, k), confusion.images(k));
    return html + "</tbody></table></div>\n";
}

}  // namespace

std::string html_of(const Confusion& confusion, const std::vector<std::string>& names) {
    check(static_cast<int64_t>(names.size()) == confusion.classes(), "[confusion] got {} names of {} classes",
          names.size(), confusion.classes());
    const bool fits = confusion.classes() <= most_in_table;
    return (fits ? table(confusion, names) : picture(confusion)) + "<div class=\"pair\">\n<div>" +
           mistakes_table(confusion, names) + "</div>\n<div>" + hardest_table(confusion, names) + "</div>\n</div>\n";
}

}  // namespace swingrad
