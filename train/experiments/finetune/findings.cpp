#include "train/experiments/finetune/findings.h"

#include "train/program/console/text.h"

#include <fmt/format.h>

#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

Spread spread(const std::vector<json>& results, const char* what) {
    std::vector<double> values;
    for (const json& one : results) values.push_back(number_of(one, what));
    return spread_of(values);
}

Spread accuracy(const FinetuneSubject& subject, size_t method) { return spread(subject.by_method[method], "accuracy"); }

// Of those from scratch the one that is better on the mean, to which the others are held.
size_t best_from_scratch(const FinetuneSubject& subject) {
    size_t best = 0;
    for (size_t method = 1; method < methods_from_scratch; ++method)
        if (accuracy(subject, method).mean > accuracy(subject, best).mean) best = method;
    return best;
}

// By how many points a method is better than that one, seed by seed.
Spread gain(const FinetuneSubject& subject, size_t method) {
    const auto &from = subject.by_method[best_from_scratch(subject)], &to = subject.by_method[method];
    std::vector<double> values;
    for (size_t seed = 0; seed < to.size(); ++seed)
        values.push_back(number_of(to[seed], "accuracy") - number_of(from[seed], "accuracy"));
    return spread_of(values);
}

std::string signed_text(const Spread& points) {
    if (points.seeds == 0) return "-";
    const std::string mean = fmt::format("{:+.1f}", points.mean);
    return points.seeds < 2 ? mean : fmt::format("{} +- {:.1f}", mean, points.deviation);
}

ResultTable table_of(const FinetuneSubject& subject) {
    ResultTable table{fmt::format("{}, after {}", subject.few, subject.learnt),
                      {"begun and trained", "numbers trained", "test accuracy, %", "points over scratch"},
                      {}};
    for (size_t method = 0; method < finetune_methods.size(); ++method) {
        const std::vector<json>& results = subject.by_method[method];
        table.rows.push_back({finetune_methods[method],
                              std::isfinite(number_of(results.front(), "trained"))
                                  ? grouped(std::llround(number_of(results.front(), "trained")))
                                  : "-",
                              text_of(accuracy(subject, method), 1),
                              method < methods_from_scratch ? "" : signed_text(gain(subject, method))});
    }
    table.note = fmt::format(
        "From {} images; over the better of the two rows from scratch, seed by seed. What was learnt before has {} % "
        "on "
        "test images of its own classes. The paper has no such table: its models learn 70 million images before.",
        number_of(subject.by_method[0][0], "images"), text_of(spread(subject.base, "accuracy"), 1));
    return table;
}

Figure figure_of(const std::vector<FinetuneSubject>& subjects) {
    Figure figure{"Few images, by how the training begins", "", "test accuracy, %", {}};
    for (const char* method : finetune_methods) figure.x_names.emplace_back(method);
    for (const FinetuneSubject& subject : subjects) {
        Series one{subject.few, {}, {}, {}};
        for (size_t method = 0; method < finetune_methods.size(); ++method) {
            const Spread value = accuracy(subject, method);
            one.x.push_back(static_cast<double>(method + 1));
            one.y.push_back(value.mean);
            one.spread.push_back(value.deviation);
        }
        figure.series.push_back(one);
    }
    return figure;
}

// A gain counts where it is larger than twice the standard error of its mean; of a single seed that is not known.
std::string seen_of(const FinetuneSubject& subject, size_t method) {
    const Spread points = gain(subject, method);
    const std::string text =
        fmt::format("{}, {} against the better from scratch: ", subject.few, finetune_methods[method]);
    if (points.seeds == 0) return text + "nothing to compare.";
    if (points.seeds < 2)
        return text +
               fmt::format("{:+.1f} points; a single seed does not say whether that is more than chance.", points.mean);
    const double error = points.deviation / std::sqrt(static_cast<double>(points.seeds));
    const bool counts = std::abs(points.mean) > 2 * error;
    return text + fmt::format("{:+.1f} points, {} twice the standard error of {:.1f}: {}.", points.mean,
                              counts ? "more than" : "not more than", error,
                              !counts           ? "no difference that these seeds can show"
                              : points.mean > 0 ? "what was learnt before helps"
                                                : "what was learnt before is in the way");
}

void add_stopped(std::vector<std::string>& seen, const std::string& what, const std::vector<json>& results) {
    for (size_t seed = 0; seed < results.size(); ++seed)
        if (const auto why = results[seed].at("stopped").get<std::string>(); !why.empty())
            seen.push_back(fmt::format("{}, seed {}: training stopped, as {}.", what, seed, why));
}

}  // namespace

Findings finetune_findings(const std::vector<FinetuneSubject>& subjects) {
    Findings findings;
    findings.figures.push_back({"accuracy.svg", figure_of(subjects)});
    for (const FinetuneSubject& subject : subjects) {
        findings.tables.push_back(table_of(subject));
        for (size_t method = methods_from_scratch; method < finetune_methods.size(); ++method)
            findings.seen.push_back(seen_of(subject, method));
        add_stopped(findings.seen, subject.learnt, subject.base);
        for (size_t method = 0; method < finetune_methods.size(); ++method)
            add_stopped(findings.seen, fmt::format("{}, {}", subject.few, finetune_methods[method]),
                        subject.by_method[method]);
    }
    return findings;
}

}  // namespace swingrad
