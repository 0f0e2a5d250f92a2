// Tables, figures and sentences of the experiment transfer.

#include "train/experiments/transfer.h"

#include "train/experiments/window_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr std::array paper_times{1.0, 1.5, 2.0, 2.5, 3.0};  // windows of 8, 12, 16, 20 and 24 tokens
using PaperRow = std::array<double, paper_times.size()>;
using PaperTable = std::array<PaperRow, kinds_with_bias>;

constexpr PaperTable paper_without{{{81.7, 79.4, 77.2, 73.2, 68.7},  //
                                    {81.7, 82.0, 81.2, 79.8, 77.6},
                                    {81.8, 82.4, 81.7, 80.4, 79.1}}};
constexpr PaperTable paper_with{{{NAN, 82.7, 83.0, 83.2, 83.2},  //
                                 {NAN, 82.9, 83.3, 83.6, 83.7},
                                 {NAN, 83.2, 83.8, 84.0, 84.2}}};
constexpr size_t log_cpb = 2;  // among the kinds

// What the paper has at so many times the trained window; NaN where it has nothing.
double paper_at(const PaperRow& row, double times) {
    const auto column = std::find(paper_times.begin(), paper_times.end(), times);
    return column == paper_times.end() ? NAN : row[static_cast<size_t>(column - paper_times.begin())];
}

struct Results : TransferResults {
    double times(size_t window) const {
        return static_cast<double>(windows[window]) / static_cast<double>(windows.front());
    }
    const json& at(size_t kind, size_t seed, size_t window) const {
        return all[(kind * static_cast<size_t>(seeds) + seed) * windows.size() + window];
    }
    // `when` is "without" or "with" fine-tuning, or "kept", without and with the trained window.
    Spread accuracy(const char* when, size_t kind, size_t window) const {
        std::vector<double> values;
        for (size_t seed = 0; seed < static_cast<size_t>(seeds); ++seed)
            values.push_back(number_of(at(kind, seed, window).at(when), "accuracy"));
        return spread_of(values);
    }
    // Against the trained window and image, neither fine-tuned.
    Spread change(const char* when, size_t kind, size_t window) const {
        std::vector<double> values;
        for (size_t seed = 0; seed < static_cast<size_t>(seeds); ++seed)
            values.push_back(number_of(at(kind, seed, window).at(when), "accuracy") -
                             number_of(at(kind, seed, 0).at("without"), "accuracy"));
        return spread_of(values);
    }
};

ResultTable table_of(const Results& results, const char* when, const PaperTable& paper) {
    std::vector<double> columns(paper_times.begin(), paper_times.end());
    for (size_t window = 0; window < results.windows.size(); ++window) columns.push_back(results.times(window));
    std::sort(columns.begin(), columns.end());
    columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
    ResultTable table{
        fmt::format("Accuracy in percent {} fine-tuning, by window and image (Table 1)", when), {"position bias"}, {}};
    for (const double times : columns) table.columns.push_back(fmt::format("{}x", times));
    for (size_t kind = 0; kind < transfer_kinds.size(); ++kind) {
        std::vector<std::string> here{transfer_kinds[kind]}, there{fmt::format("paper: {}", transfer_kinds[kind])};
        for (const double times : columns) {
            here.emplace_back("-");
            for (size_t window = 0; window < results.windows.size(); ++window)
                if (results.times(window) == times) here.back() = text_of(results.accuracy(when, kind, window), 1);
            if (kind < kinds_with_bias) there.push_back(text_of(spread_of({paper_at(paper[kind], times)}), 1));
        }
        table.rows.push_back(here);
        if (kind < kinds_with_bias) table.rows.push_back(there);
    }
    return table;
}

ResultTable control_table(const Results& results) {
    ResultTable table{
        fmt::format(
            "A control: accuracy in percent on larger images with the trained window of {}, without fine-tuning",
            results.windows.front()),
        {"position bias"},
        {}};
    for (size_t window = 0; window < results.windows.size(); ++window)
        table.columns.push_back(fmt::format("{}x", results.times(window)));
    for (size_t kind = 0; kind < transfer_kinds.size(); ++kind) {
        table.rows.push_back({transfer_kinds[kind]});
        for (size_t window = 0; window < results.windows.size(); ++window)
            table.rows.back().push_back(text_of(results.accuracy("kept", kind, window), 1));
    }
    table.note = "What is lost here the larger image costs, and no window.";
    return table;
}

ResultTable coordinates_table(const Results& results) {
    ResultTable table{"How far the coordinates leave the range that was trained (section 3.3)",
                      {"window", "linear", "log-spaced, equation 4", "log-spaced, as in the code"},
                      {}};
    const auto row = [&](int64_t from, int64_t to) {
        std::vector<std::string> texts{fmt::format("{} to {}", from, to)};
        for (const OffsetScale scale : {OffsetScale::tokens, OffsetScale::log_of_tokens, OffsetScale::log_of_window})
            texts.push_back(fmt::format("{:.2f}x", extrapolation(scale, from, to)));
        table.rows.push_back(texts);
    };
    row(8, 16);
    table.rows.push_back({"paper: 8 to 16", "1.14x", "0.33x", "-"});
    for (size_t i = 1; i < results.windows.size(); ++i) row(results.windows.front(), results.windows[i]);
    table.note =
        "What lies outside, as a multiple of the trained range; computed from the coordinates that the models use.";
    return table;
}

struct Bias {
    std::string text;            // "window 16, fine-tuned"
    int64_t across;              // offsets in a row
    std::vector<double> values;  // of all offsets, see bias_map
};
Bias bias_of(const Results& results, size_t kind, size_t window, const char* when) {
    return {fmt::format("window {}{}", results.windows[window], when == std::string("with") ? ", fine-tuned" : ""),
            2 * results.windows[window] - 1,
            results.at(kind, 0, window).at(when).at("bias").get<std::vector<double>>()};
}

Figure bias_along_row(const Results& results, size_t kind) {
    Figure figure{fmt::format("{}: bias within a row", transfer_kinds[kind]), "offset in tokens", "bias", {}};
    figure.integer_x = true;
    const size_t largest = results.windows.size() - 1;
    for (const Bias& bias : {bias_of(results, kind, largest, "without"), bias_of(results, kind, largest, "with"),
                             bias_of(results, kind, 0, "without")}) {  // last, as a network's first lies below it
        Series one{bias.text, {}, {}, {}};
        for (int64_t i = 0, middle = bias.across / 2; i < bias.across; ++i) {
            one.x.push_back(static_cast<double>(i - middle));
            one.y.push_back(bias.values.at(static_cast<size_t>(middle * bias.across + i)));
        }
        figure.series.push_back(one);
    }
    return figure;
}

// A map each kind and not all on one scale: what is added to all scores alike makes no difference.
Figure bias_maps(const Results& results, size_t kind) {
    Figure figure{.title = fmt::format("{}: bias by offset, across and down", transfer_kinds[kind]), .y_label = "bias"};
    figure.maps_across = 3;
    const size_t largest = results.windows.size() - 1;
    for (const Bias& bias : {bias_of(results, kind, 0, "without"), bias_of(results, kind, largest, "without"),
                             bias_of(results, kind, largest, "with")})
        figure.maps.push_back({bias.text, bias.across, bias.values});
    return figure;
}

std::vector<NamedFigure> figures_of(const Results& results) {
    std::vector<NamedFigure> figures;
    for (const char* when : {"without", "with"}) {
        Figure figure{fmt::format("{} fine-tuning", when), "times the trained window", "test accuracy, %", {}};
        for (size_t kind = 0; kind < transfer_kinds.size(); ++kind) {
            Series one{transfer_kinds[kind], {}, {}};
            for (size_t window = 0; window < results.windows.size(); ++window) {
                one.x.push_back(results.times(window));
                one.y.push_back(results.accuracy(when, kind, window).mean);
            }
            figure.series.push_back(one);
        }
        figures.push_back({fmt::format("{}.svg", when), figure});
    }
    for (size_t kind = 0; kind < kinds_with_bias; ++kind) {
        figures.push_back({fmt::format("bias-{}.svg", transfer_kinds[kind]), bias_along_row(results, kind)});
        figures.push_back({fmt::format("bias-maps-{}.svg", transfer_kinds[kind]), bias_maps(results, kind)});
    }
    return figures;
}

// Log-cpb's value against the others'. Of a single seed the error is what so many test images leave open at most,
// where a value is made of `accuracies` of them.
std::string compared(const Results& results, int accuracies, const std::function<Spread(size_t kind)>& value) {
    std::string text;
    const Spread log = value(log_cpb);
    for (size_t other = 0; other < transfer_kinds.size(); ++other) {
        if (other == log_cpb) continue;
        const Spread there = value(other);
        const double difference = log.mean - there.mean;
        const double error = log.seeds > 1 && there.seeds > 1
                                 ? error_of_difference(log, there)
                                 : 50 * std::sqrt(accuracies / number_of(results.all.front(), "test_images"));
        if (std::isfinite(difference))
            text += fmt::format(" Log-cpb against {}: {:+.1f}, {} than twice the standard error of {:.1f}.",
                                transfer_kinds[other], difference,
                                std::abs(difference) > 2 * error ? "more" : "not more", error);
    }
    return text;
}

std::string seen_without(const Results& results, size_t window) {
    const double times = results.times(window);
    std::string here, there;
    for (size_t kind = 0; kind < transfer_kinds.size(); ++kind) {
        here += fmt::format("{}{} {:+.1f}", kind == 0 ? "" : ", ", transfer_kinds[kind],
                            results.change("without", kind, window).mean);
        if (kind >= kinds_with_bias) continue;
        const PaperRow& paper = paper_without[kind];
        if (const double then = paper_at(paper, times); std::isfinite(then))
            there += fmt::format("{}{:+.1f}", kind == 0 ? " (in the paper " : ", ", then - paper[0]);
    }
    if (!there.empty()) there += ")";
    return fmt::format("{} times window and image, without fine-tuning, accuracy changes by so many points: {}{}.{}",
                       times, here, there,
                       compared(results, 4, [&](size_t kind) { return results.change("without", kind, window); }));
}

std::string seen_with_kept_window(const Results& results, size_t window) {
    std::string here;
    for (size_t kind = 0; kind < transfer_kinds.size(); ++kind)
        here += fmt::format("{}{} {:+.1f}", kind == 0 ? "" : ", ", transfer_kinds[kind],
                            results.change("kept", kind, window).mean);
    return fmt::format("{} times the image with the trained window, as a control: {} points.", results.times(window),
                       here);
}

std::string seen_with(const Results& results, size_t window) {
    std::string here;
    for (size_t kind = 0; kind < transfer_kinds.size(); ++kind)
        here += fmt::format("{}{} {}", kind == 0 ? "" : ", ", transfer_kinds[kind],
                            text_of(results.accuracy("with", kind, window), 1));
    return fmt::format("{} times, fine-tuned: {} %.{}", results.times(window), here,
                       compared(results, 2, [&](size_t kind) { return results.accuracy("with", kind, window); }));
}

std::vector<std::string> seen_in(const Results& results) {
    std::vector<std::string> texts;
    for (size_t window = 1; window < results.windows.size(); ++window) {
        texts.push_back(seen_without(results, window));
        texts.push_back(seen_with_kept_window(results, window));
        texts.push_back(seen_with(results, window));
    }
    for (const json& one : results.all)
        if (const auto why = one.at("stopped").get<std::string>(); !why.empty())
            texts.push_back(fmt::format("{}: fine-tuning stopped, as {}.", one.at("run").get<std::string>(), why));
    return texts;
}

}  // namespace

Findings transfer_findings(const TransferResults& given) {
    const Results results{given};
    std::vector<ResultTable> tables{table_of(results, "without", paper_without), table_of(results, "with", paper_with),
                                    control_table(results), coordinates_table(results)};
    tables[1].note = "At 1x too the model is fine-tuned, which the paper does not: what more training alone is worth.";
    return {figures_of(results), tables, seen_in(results), {}};
}

}  // namespace swingrad
