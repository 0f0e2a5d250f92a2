// Tables, figures and sentences of the experiment similarity.

#include "train/experiments/similarity/findings.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr size_t pre = 0, res_post = 1;  // among the placements

double gap_of(const json& similarity, const char* more, const char* less) {
    return number_of(similarity, more) - number_of(similarity, less);
}

struct Results : SimilarityResults {
    size_t blocks() const { return all.front().at("blocks").size(); }
    size_t first() const { return compared_from; }
    size_t last() const { return blocks() - 1; }

    const json& blocks_of(size_t placement, size_t seed) const {
        return all[placement * static_cast<size_t>(seeds) + seed].at("blocks");
    }
    Spread spread(size_t placement, const std::function<double(const json& blocks)>& value) const {
        std::vector<double> values;
        for (size_t seed = 0; seed < static_cast<size_t>(seeds); ++seed)
            values.push_back(value(blocks_of(placement, seed)));
        return spread_of(values);
    }
    Spread of(size_t placement, size_t block, const char* what, const char* pairs) const {
        return spread(placement, [&](const json& blocks) { return number_of(blocks.at(block).at(what), pairs); });
    }
    // What the last block has more than the first.
    Spread rise(size_t placement, const char* what, const char* pairs) const {
        return spread(placement, [&](const json& blocks) {
            return number_of(blocks.at(last()).at(what), pairs) - number_of(blocks.at(first()).at(what), pairs);
        });
    }
    // The same of a difference of similarities: near - far, or same - other.
    double rise_of_gap(const json& blocks, const char* more, const char* less) const {
        const auto gap = [&](size_t block) { return gap_of(blocks.at(block).at("centred"), more, less); };
        return gap(last()) - gap(first());
    }
    Spread rise_of_gap(size_t placement, const char* more, const char* less) const {
        return spread(placement, [&](const json& blocks) { return rise_of_gap(blocks, more, less); });
    }
    double growth(const json& blocks) const {
        return number_of(blocks.at(last()), "amplitude") / number_of(blocks.at(first()), "amplitude");
    }
    Spread growth(size_t placement) const {
        return spread(placement, [&](const json& blocks) { return growth(blocks); });
    }
    // By how much attention's results have more of such a difference than what goes into it, mean over the compared
    // blocks.
    Spread parted(size_t placement, const char* more, const char* less) const {
        return spread(placement, [&](const json& blocks) {
            double sum = 0;
            for (size_t block = first(); block <= last(); ++block)
                sum +=
                    gap_of(blocks.at(block).at("given"), more, less) - gap_of(blocks.at(block).at("taken"), more, less);
            return sum / static_cast<double>(last() - first() + 1);
        });
    }
    // Of the squared length of pre-norm's stream after the last block.
    Spread part(const char* what) const {
        return spread(pre, [&](const json& blocks) { return number_of(blocks.at(last()).at("parts"), what); });
    }
};

// Whether `a` is more than `b` by more than these seeds' chance; single seeds do not tell.
bool clearly_more(const Spread& a, const Spread& b) {
    return a.seeds > 1 && b.seeds > 1 && a.mean - b.mean > 2 * error_of_difference(a, b);
}

// The same against 0.
int sign_of(const Spread& spread) {
    if (spread.seeds < 2) return 0;
    const double error = spread.deviation / std::sqrt(static_cast<double>(spread.seeds));
    return spread.mean > 2 * error ? 1 : spread.mean < -2 * error ? -1 : 0;
}

ResultTable stream_table(const Results& results, const char* what, const std::string& title, const std::string& note) {
    ResultTable table{title, {"norms, after block", "near", "far", "same class", "other class", "mean |x|"}, {}, note};
    for (size_t placement = 0; placement < similarity_placements.size(); ++placement)
        for (const size_t block :
             {size_t{0}, results.first(), (results.first() + results.last()) / 2, results.last()}) {
            std::vector<std::string> row{fmt::format("{}, {}", similarity_placements[placement], block + 1)};
            for (const char* pairs : {"near", "far", "same", "other"})
                row.push_back(text_of(results.of(placement, block, what, pairs), 3));
            row.push_back(text_of(
                results.spread(placement, [&](const json& blocks) { return number_of(blocks.at(block), "amplitude"); }),
                3));
            if (table.rows.empty() || table.rows.back() != row) table.rows.push_back(row);
        }
    return table;
}

ResultTable attention_table(const Results& results) {
    ResultTable table{"What attention does to it: into it, and out of it",
                      {"norms", "near, in", "out", "far, in", "out", "same, in", "out", "other, in", "out"},
                      {}};
    for (size_t placement = 0; placement < similarity_placements.size(); ++placement) {
        std::vector<std::string> row{similarity_placements[placement]};
        for (const char* pairs : {"near", "far", "same", "other"})
            for (const char* what : {"taken", "given"})
                row.push_back(text_of(results.spread(placement,
                                                     [&](const json& blocks) {
                                                         double sum = 0;
                                                         for (size_t b = results.first(); b <= results.last(); ++b)
                                                             sum += number_of(blocks.at(b).at(what), pairs);
                                                         return sum / static_cast<double>(results.last() -
                                                                                          results.first() + 1);
                                                     }),
                                      3));
        table.rows.push_back(row);
    }
    table.note = "Mean over the blocks of the last stage, trained; the mean token taken away.";
    return table;
}

Figure by_block(const Results& results, const char* title, const std::vector<const char*>& pairs) {
    Figure figure{title, "block", "mean cosine", {}, false, true};
    for (size_t placement = 0; placement < similarity_placements.size(); ++placement)
        for (const char* one : pairs) {
            Series series{fmt::format("{}, {}", similarity_placements[placement], one), {}, {}, {}};
            for (size_t block = 0; block < results.blocks(); ++block) {
                const Spread value = results.of(placement, block, "centred", one);
                series.x.push_back(static_cast<double>(block + 1));
                series.y.push_back(value.mean);
                series.spread.push_back(value.deviation);
            }
            figure.series.push_back(series);
        }
    return figure;
}

Figure amplitudes(const Results& results) {
    Figure figure{"The stream", "block", "mean |x| after it", {}, true, true};
    for (size_t placement = 0; placement < similarity_placements.size(); ++placement) {
        Series series{similarity_placements[placement], {}, {}, {}};
        for (size_t block = 0; block < results.blocks(); ++block) {
            series.x.push_back(static_cast<double>(block + 1));
            series.y.push_back(
                results.spread(placement, [&](const json& blocks) { return number_of(blocks.at(block), "amplitude"); })
                    .mean);
        }
        figure.series.push_back(series);
    }
    return figure;
}

std::string moved(Spread rise) {
    const int sign = sign_of(rise);
    if (sign == 0) return fmt::format("moves, within chance, by {}", text_of(rise, 3));
    rise.mean = std::abs(rise.mean);
    return fmt::format("{} by {}", sign > 0 ? "rises" : "falls", text_of(rise, 3));
}

// Whether similar pixels become very similar and others very different.
std::string of_similarity(const Results& results, size_t placement) {
    const Spread near = results.rise(placement, "centred", "near"), far = results.rise(placement, "centred", "far"),
                 by_class = results.rise_of_gap(placement, "same", "other");
    std::string verdict = "that is not what the summary says";
    if (sign_of(near) > 0 && sign_of(far) < 0) verdict = "both as the summary says";
    else if (sign_of(near) > 0 || sign_of(far) < 0) verdict = "one half of what the summary says";
    return fmt::format(
        "{}: from the first to the last block of the last stage the cosine of neighbours {}, that of "
        "tokens half a map apart {}: {}. The advantage of one class over two {}.",
        similarity_placements[placement], moved(near), moved(far), verdict, moved(by_class));
}

// Whether it is attention by which they do.
std::string of_attention(const Results& results) {
    std::string text = "Attention itself moves";
    for (size_t placement = 0; placement < similarity_placements.size(); ++placement)
        text += fmt::format("{} near less far by {} and same less other class by {} with {}", placement == 0 ? "" : ",",
                            text_of(results.parted(placement, "near", "far"), 3),
                            text_of(results.parted(placement, "same", "other"), 3), similarity_placements[placement]);
    return text + ": what comes out of it against what goes in, mean over blocks; above 0 it parts tokens.";
}

// What pre-norm's stream is the sum of.
std::string of_parts(const Results& results) {
    return fmt::format(
        "Of the squared length of pre-norm's stream after the last block {} is what came into the stage, {} what "
        "attentions have added, {} what MLPs have.",
        text_of(results.part("start"), 2), text_of(results.part("attention"), 2), text_of(results.part("mlp"), 2));
}

// How much of what pre-norm's blocks have stays with res-post-norm, as a part of it, seed by seed.
Spread stays(const Results& results, const std::function<double(const json& blocks)>& value) {
    std::vector<double> parts;
    for (size_t seed = 0; seed < static_cast<size_t>(results.seeds); ++seed)
        parts.push_back(value(results.blocks_of(res_post, seed)) / value(results.blocks_of(pre, seed)));
    return spread_of(parts);
}

// Which of the two readings goes with the growth of the stream.
std::string of_growth(const Results& results) {
    const Spread pre_growth = results.growth(pre), res_post_growth = results.growth(res_post);
    std::string text = fmt::format(
        "Over the last stage the stream grows by a factor of {} with pre-norm and of {} with res-post-norm. ",
        text_of(pre_growth, 2), text_of(res_post_growth, 2));
    if (pre_growth.seeds < 2) return text + "A single seed does not say whether that is more than chance.";
    if (!clearly_more(pre_growth, res_post_growth))
        return text + "The stream does not grow more with pre-norm here, so the numbers bear neither reading.";
    const Spread growing = stays(results, [&](const json& blocks) { return std::log(results.growth(blocks)); });
    bool parts = false, without_growth = true;
    struct Gap {
        const char *name, *more, *less;
    };
    for (const Gap& gap : {Gap{"near less far", "near", "far"}, Gap{"same less other class", "same", "other"}}) {
        const Spread with_pre = results.rise_of_gap(pre, gap.more, gap.less),
                     with_res_post = results.rise_of_gap(res_post, gap.more, gap.less);
        const bool rises = sign_of(with_pre) > 0;
        text += fmt::format("With pre-norm {} {} by {}, with res-post-norm by {}. ", gap.name,
                            rises ? "rises" : "moves", text_of(with_pre, 3), text_of(with_res_post, 3));
        if (!rises) continue;
        parts = true;
        const Spread parting =
            stays(results, [&](const json& blocks) { return results.rise_of_gap(blocks, gap.more, gap.less); });
        without_growth = without_growth && clearly_more(parting, growing);
        text += fmt::format("So {} of this parting stays without pre-norm, and {} of the growth's logarithm. ",
                            text_of(parting, 2), text_of(growing, 2));
    }
    if (!parts)
        return text +
               "Tokens do not part where the stream grows: the numbers bear the paper's reading, sums along the "
               "residual, and not the summary's, that attention parts tokens.";
    return text +
           (without_growth
                ? "Tokens part also where the stream hardly grows, so it is not their parting that makes it grow: "
                  "the numbers bear the paper's reading, sums along the residual, and not the summary's."
                : "Where the stream grows less, tokens part less: the numbers do not tell the two readings apart.");
}

}  // namespace

Findings similarity_findings(const SimilarityResults& given) {
    const Results results{given};
    std::vector<std::string> seen;
    for (size_t placement = 0; placement < similarity_placements.size(); ++placement)
        seen.push_back(of_similarity(results, placement));
    seen.push_back(of_attention(results));
    seen.push_back(of_parts(results));
    seen.push_back(of_growth(results));
    for (size_t i = 0; i < given.all.size(); ++i)
        if (const auto why = given.all[i].at("stopped").get<std::string>(); !why.empty())
            seen.push_back(fmt::format("{}: training stopped, as {}.",
                                       similarity_placements[i / static_cast<size_t>(given.seeds)], why));
    return {{{"place.svg", by_block(results, "Near and far, trained", {"near", "far"})},
             {"class.svg", by_block(results, "One class and two, trained", {"same", "other"})},
             {"amplitude.svg", amplitudes(results)}},
            {stream_table(results, "centred", "How alike tokens of the stream are, the mean token taken away",
                          "The cosine of two tokens: neighbours; half a map apart; at one place in two images of one "
                          "class, and of two. The paper and the summary give no number."),
             stream_table(results, "stream", "The same of the stream as it is",
                          "What all tokens share makes any two alike."),
             attention_table(results)},
            seen,
            {}};
}

}  // namespace swingrad
