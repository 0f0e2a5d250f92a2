// Tables, figures and sentences of the experiment stability.

#include "train/experiments/stability.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr size_t pre = 0, res_post = 1;  // among the variants

// Of a result's steps; a loss that is not finite is null in the file.
std::vector<double> losses_of(const json& result) {
    std::vector<double> losses;
    for (const json& loss : result.at("losses"))
        losses.push_back(loss.is_null() ? std::numeric_limits<double>::quiet_NaN() : loss.get<double>());
    return losses;
}

struct Results : StabilityResults {
    const json& at(size_t depth, size_t variant, size_t rate, size_t seed) const {
        return all[((depth * variants.size() + variant) * rates.size() + rate) * static_cast<size_t>(seeds) + seed];
    }
    std::vector<Outcome> outcomes(size_t depth, size_t variant, size_t rate) const {
        std::vector<Outcome> each;
        for (size_t seed = 0; seed < static_cast<size_t>(seeds); ++seed)
            each.push_back(outcome_of(at(depth, variant, rate, seed), classes));
        return each;
    }
    bool learns(size_t depth, size_t variant, size_t rate) const {  // all its seeds
        const auto each = outcomes(depth, variant, rate);
        return std::none_of(each.begin(), each.end(), [](const Outcome& one) { return one.failed; });
    }
    // The highest learning rate up to which all learn; none where not even the lowest does.
    std::optional<double> highest(size_t depth, size_t variant) const {
        std::optional<double> rate;
        for (size_t i = 0; i < rates.size() && learns(depth, variant, i); ++i) rate = rates[i];
        return rate;
    }
    // The lowest learning rate at which pre-norm and res-post-norm part; the last where none does.
    size_t telling_rate(size_t depth) const {
        for (size_t rate = 0; rate < rates.size(); ++rate)
            if (learns(depth, pre, rate) != learns(depth, res_post, rate)) return rate;
        return rates.size() - 1;
    }
};

std::string cell_of(const std::vector<Outcome>& outcomes) {
    if (outcomes.size() == 1) return outcomes.front().text;
    std::vector<double> losses;
    size_t failed = 0;
    for (const Outcome& one : outcomes) {
        if (!one.failed) losses.push_back(one.loss);
        failed += one.failed;
    }
    if (failed == 0) return text_of(spread_of(losses), 2);
    return fmt::format("{} of {} fail{}", failed, outcomes.size(),
                       losses.empty() ? "" : fmt::format(" ({})", text_of(spread_of(losses), 2)));
}

ResultTable table_of(const Results& results) {
    ResultTable table{"Training loss at the end, by learning rate", {"blocks", "norms"}, {}};
    for (const double rate : results.rates) table.columns.push_back(fmt::format("{}", rate));
    for (size_t depth = 0; depth < results.depths.size(); ++depth)
        for (size_t variant = 0; variant < results.variants.size(); ++variant) {
            std::vector<std::string> row{fmt::format("{}", results.depths[depth]), results.variants[variant].name};
            for (size_t rate = 0; rate < results.rates.size(); ++rate)
                row.push_back(cell_of(results.outcomes(depth, variant, rate)));
            table.rows.push_back(row);
        }
    table.note = fmt::format(
        "Mean over the last tenth of the steps. Fails: that is not below ln({}) = {:.2f}. Breaks off: loss or gradient "
        "was not finite at this step. The paper, at 658 million parameters: pre fails, res-post does not.",
        results.classes, std::log(static_cast<double>(results.classes)));
    return table;
}

// Means over every few steps, as single batches are noisy.
Series smoothed(const std::string& name, const std::vector<double>& losses) {
    constexpr size_t together = 5;
    Series curve{name, {}, {}, {}};
    for (size_t first = 0; first < losses.size(); first += together) {
        const auto begin = losses.begin() + static_cast<std::ptrdiff_t>(first);
        const auto count = std::min(together, losses.size() - first);
        curve.x.push_back(static_cast<double>(first + count));
        curve.y.push_back(std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(count), 0.0) /
                          static_cast<double>(count));
    }
    return curve;
}

std::vector<NamedFigure> figures_of(const Results& results) {
    std::vector<NamedFigure> figures;
    for (size_t depth = 0; depth < results.depths.size(); ++depth) {
        const size_t rate = results.telling_rate(depth);
        Figure figure{.title = fmt::format("{} blocks, learning rate {}", results.depths[depth], results.rates[rate]),
                      .x_label = "step",
                      .y_label = "training loss"};
        figure.log_y = figure.integer_x = true;
        for (size_t variant = 0; variant < results.variants.size(); ++variant)
            figure.series.push_back(
                smoothed(results.variants[variant].name, losses_of(results.at(depth, variant, rate, 0))));
        figures.push_back({fmt::format("loss-{}.svg", results.depths[depth]), figure});
    }
    Figure highest{.title = "Highest at which all seeds learn", .x_label = "blocks", .y_label = "learning rate"};
    highest.log_y = true;
    for (size_t variant = 0; variant < results.variants.size(); ++variant) {
        Series one{results.variants[variant].name, {}, {}, {}};
        for (size_t depth = 0; depth < results.depths.size(); ++depth) {
            one.x.push_back(static_cast<double>(depth + 1));
            one.y.push_back(results.highest(depth, variant).value_or(std::numeric_limits<double>::quiet_NaN()));
        }
        highest.series.push_back(one);
    }
    for (const int64_t depth : results.depths) highest.x_names.push_back(fmt::format("{}", depth));
    const auto has_point = [](const Series& one) {
        return std::any_of(one.y.begin(), one.y.end(), [](double rate) { return std::isfinite(rate); });
    };
    if (std::any_of(highest.series.begin(), highest.series.end(), has_point))
        figures.push_back({"highest-rate.svg", highest});
    return figures;
}

std::vector<std::string> seen_in(const Results& results) {
    std::vector<std::string> texts;
    const auto text = [](std::optional<double> rate) {
        return rate ? fmt::format("up to {}", *rate) : std::string("at none of the learning rates");
    };
    for (size_t depth = 0; depth < results.depths.size(); ++depth) {
        std::string line = fmt::format("{} blocks:", results.depths[depth]);
        for (size_t variant = 0; variant < results.variants.size(); ++variant)
            line += fmt::format("{} {} learns {}", variant == 0 ? "" : ",", results.variants[variant].name,
                                text(results.highest(depth, variant)));
        const auto before = results.highest(depth, pre), after = results.highest(depth, res_post);
        const char* verdict =
            " Of the learning rates tried, both stand the same: the paper's effect does not show here.";
        if (after > before) verdict = " Res-post-norm stands a higher learning rate than pre-norm, as in the paper.";
        if (after < before) verdict = " Pre-norm stands a higher one: the paper's effect does not show here.";
        texts.push_back(line + "." + verdict);
    }
    return texts;
}

}  // namespace

Outcome outcome_of(const json& result, int64_t classes) {
    const std::vector<double> losses = losses_of(result);
    if (!result.at("stopped").get<std::string>().empty())
        return {true, std::numeric_limits<double>::quiet_NaN(), fmt::format("breaks off at {}", losses.size() + 1)};
    const auto last = std::max<std::ptrdiff_t>(1, std::ssize(losses) / 10);
    const double loss = std::accumulate(losses.end() - last, losses.end(), 0.0) / static_cast<double>(last);
    const bool failed = !(loss < std::log(static_cast<double>(classes)));
    return {failed, loss, failed ? fmt::format("fails ({:.4g})", loss) : fmt::format("{:.2f}", loss)};
}

Findings stability_findings(const StabilityResults& given) {
    const Results results{given};
    return {figures_of(results), {table_of(results)}, seen_in(results), {}};
}

}  // namespace swingrad
