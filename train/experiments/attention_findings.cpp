// Tables, figures and sentences of the experiment attention.

#include "train/experiments/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr size_t pre_dot = 0, res_post_dot = 1, cosine = 2;  // among the kinds
constexpr double least_temperature = 0.01;

double mean_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

struct Results : AttentionResults {
    const json& at(size_t kind, size_t seed) const { return all[kind * static_cast<size_t>(seeds) + seed]; }
    const json& probes(size_t kind) const { return at(kind, 0).at("probes"); }
    size_t blocks() const { return all.front().at("keys").size(); }

    // Over the seeds, of `value` of the blocks as they were at a probe; the last is that of the trained model. A seed
    // that did not come so far is left out.
    Spread spread(size_t kind, size_t probe, const std::function<double(const json& blocks)>& value) const {
        std::vector<double> values;
        for (size_t seed = 0; seed < static_cast<size_t>(seeds); ++seed)
            if (const json& probes = at(kind, seed).at("probes"); probe < probes.size())
                values.push_back(value(probes[probe].at("blocks")));
        return spread_of(values);
    }
    Spread trained(size_t kind, const std::function<double(const json& blocks)>& value) const {
        return spread(kind, probes(kind).size() - 1, value);
    }
};

std::vector<double> heads_of(const json& block, const char* name) { return block.at(name).get<std::vector<double>>(); }

// Mean over the heads of a block, over all blocks, and the largest of all heads.
auto of_block(const char* name, size_t block) {
    return [name, block](const json& blocks) { return mean_of(heads_of(blocks.at(block), name)); };
}
double mean_share(const json& blocks) {
    std::vector<double> each;
    for (const json& block : blocks) each.push_back(mean_of(heads_of(block, "share")));
    return mean_of(each);
}
auto largest_of(const char* name) {
    return [name](const json& blocks) {
        double largest = 0;
        for (const json& block : blocks)
            for (const double value : heads_of(block, name)) largest = std::max(largest, value);
        return largest;
    };
}
double dominated_percent(const json& blocks) {
    std::vector<double> each;
    for (const json& block : blocks) each.push_back(100 * mean_of(heads_of(block, "dominated")));
    return mean_of(each);
}

ResultTable shares_table(const Results& results) {
    ResultTable table{
        "What falls on the largest key",
        {"norms, score", "at the start", "trained", "of the sharpest head", "queries dominated, %", "accuracy, %"},
        {}};
    for (size_t kind = 0; kind < attention_kinds.size(); ++kind) {
        std::vector<double> accuracies;
        for (size_t seed = 0; seed < static_cast<size_t>(results.seeds); ++seed)
            accuracies.push_back(number_of(results.at(kind, seed), "accuracy"));
        table.rows.push_back({attention_kinds[kind].name, text_of(results.spread(kind, 0, mean_share), 3),
                              text_of(results.trained(kind, mean_share), 3),
                              text_of(results.trained(kind, largest_of("share")), 3),
                              text_of(results.trained(kind, dominated_percent), 1), text_of(spread_of(accuracies), 1)});
    }
    table.note =
        "The weight of a query's largest key, mean over queries, heads and blocks; of the sharpest head, mean over "
        "queries. Dominated is a query that gives more than half of its weight to one key. The paper gives no number.";
    return table;
}

ResultTable temperatures_table(const Results& results) {
    ResultTable table{"tau of each head, trained (it starts at 0.1)", {"block"}, {}};
    const json& last = results.probes(cosine).back().at("blocks");
    size_t most = 0;
    for (const json& block : last) most = std::max(most, block.at("temperature").size());
    for (size_t head = 0; head < most; ++head) table.columns.push_back(fmt::format("head {}", head + 1));
    for (size_t block = 0; block < last.size(); ++block) {
        std::vector<std::string> row{fmt::format("{}", block + 1)};
        for (size_t head = 0; head < most; ++head)
            row.push_back(head < last[block].at("temperature").size()
                              ? text_of(results.trained(cosine,
                                                        [&](const json& blocks) {
                                                            return heads_of(blocks.at(block), "temperature").at(head);
                                                        }),
                                        4)
                              : "-");
        table.rows.push_back(row);
    }
    table.note = "A cosine is divided by tau, which is at least 0.01; the smaller, the sharper the head can be.";
    return table;
}

Figure by_block(const Results& results) {
    Figure figure{"Trained, by block", "block", "share of the largest key", {}, false, true};
    for (size_t kind = 0; kind < attention_kinds.size(); ++kind) {
        Series one{attention_kinds[kind].name, {}, {}, {}};
        for (size_t block = 0; block < results.blocks(); ++block) {
            const Spread share = results.trained(kind, of_block("share", block));
            one.x.push_back(static_cast<double>(block + 1));
            one.y.push_back(share.mean);
            one.spread.push_back(share.deviation);
        }
        figure.series.push_back(one);
    }
    return figure;
}

Figure over_training(const Results& results, const char* title, const std::function<double(const json&)>& value) {
    Figure figure{title, "step", "share of the largest key", {}, false, true};
    for (size_t kind = 0; kind < attention_kinds.size(); ++kind) {
        Series one{attention_kinds[kind].name, {}, {}, {}};
        const json& probes = results.probes(kind);
        for (size_t probe = 0; probe < probes.size(); ++probe) {
            const Spread share = results.spread(kind, probe, value);
            one.x.push_back(probes[probe].at("step").get<double>());
            one.y.push_back(share.mean);
            one.spread.push_back(share.deviation);
        }
        figure.series.push_back(one);
    }
    return figure;
}

Figure pictures(const Results& results, size_t kind) {
    const json& found = results.at(kind, 0).at("pictures");
    Figure figure{.title = fmt::format("{}: where the middle looks", attention_kinds[kind].name),
                  .y_label = "weight of a key"};
    figure.maps_across = 3;
    HeatMap image{"image", found.at("columns").get<int64_t>(), found.at("image").get<std::vector<double>>()};
    image.photograph = true;
    figure.maps.push_back(image);
    for (const json& one : found.at("blocks"))
        figure.maps.push_back({one.at("title").get<std::string>(), one.at("columns").get<int64_t>(),
                               one.at("values").get<std::vector<double>>(), one.at("marked").get<int64_t>()});
    return figure;
}

// One kind against another by what a query gives to its largest key.
std::string compared(const Results& results, size_t one, size_t other, const char* expected) {
    const Spread a = results.trained(one, mean_share), b = results.trained(other, mean_share);
    const std::string text =
        fmt::format("Trained, a query gives {} of its weight to its largest key with {}, and {} with {}", text_of(a, 3),
                    attention_kinds[one].name, text_of(b, 3), attention_kinds[other].name);
    if (a.seeds < 2 || b.seeds < 2) return text + "; a single seed does not say whether that is more than chance.";
    const double difference = a.mean - b.mean, error = error_of_difference(a, b);
    if (std::abs(difference) <= 2 * error) return text + ": no difference that these seeds can show.";
    return text + (difference > 0 ? fmt::format(": more, {}.", expected)
                                  : std::string(": less, so the paper's finding does not show at this size."));
}

std::vector<std::string> seen_in(const Results& results) {
    std::vector<std::string> texts{compared(results, res_post_dot, cosine, "as the paper says of the dot product"),
                                   compared(results, res_post_dot, pre_dot, "as the paper says of res-post-norm")};
    std::string sharpest = "The sharpest head of all gives its largest key";
    for (size_t kind = 0; kind < attention_kinds.size(); ++kind)
        sharpest += fmt::format("{} {} with {}", kind == 0 ? "" : ",",
                                text_of(results.trained(kind, largest_of("share")), 3), attention_kinds[kind].name);
    texts.push_back(sharpest + "; more than a half would be a head that is dominated by single pixels.");
    double least = INFINITY, most = 0;
    int64_t at_floor = 0, heads = 0;
    for (size_t seed = 0; seed < static_cast<size_t>(results.seeds); ++seed)
        for (const json& block : results.at(cosine, seed).at("probes").back().at("blocks"))
            for (const double tau : heads_of(block, "temperature")) {
                least = std::min(least, tau), most = std::max(most, tau);
                at_floor += tau < 1.01 * least_temperature, ++heads;
            }
    texts.push_back(
        fmt::format("tau went from 0.1 to between {:.3f} and {:.3f}; {} of {} heads came to the floor of {}.", least,
                    most, at_floor, heads, least_temperature));
    for (size_t kind = 0; kind < attention_kinds.size(); ++kind)
        for (size_t seed = 0; seed < static_cast<size_t>(results.seeds); ++seed)
            if (const auto why = results.at(kind, seed).at("stopped").get<std::string>(); !why.empty())
                texts.push_back(fmt::format("{}: training stopped, as {}.", attention_kinds[kind].name, why));
    return texts;
}

}  // namespace

Findings attention_findings(const AttentionResults& given) {
    const Results results{given};
    return {
        {{"by-block.svg", by_block(results)},
         {"over-training.svg", over_training(results, "Mean of all heads, while it is trained", mean_share)},
         {"sharpest-head.svg", over_training(results, "The sharpest head, while it is trained", largest_of("share"))},
         {"maps-dot.svg", pictures(results, res_post_dot)},
         {"maps-cosine.svg", pictures(results, cosine)}},
        {shares_table(results), temperatures_table(results)},
        seen_in(results),
        {}};
}

}  // namespace swingrad
