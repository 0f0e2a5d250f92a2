// Tables, figures and sentences of the experiment scaling.

#include "train/experiments/scaling/findings.h"

#include "core/io/text.h"
#include "train/experiments/scaling/power_law.h"
#include "train/program/console/progress.h"

#include <fmt/format.h>

#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr size_t res_post = 0, pre = 1, resnet = 2;  // among the families

struct Results : ScalingResults {
    const json& at(size_t family, size_t size, size_t seed) const {
        return all[(family * sizes + size) * static_cast<size_t>(seeds) + seed];
    }
    Spread spread(size_t family, size_t size, const char* what) const {
        std::vector<double> values;
        for (size_t seed = 0; seed < static_cast<size_t>(seeds); ++seed)
            values.push_back(number_of(at(family, size, seed), what));
        return spread_of(values);
    }
    // A training's: three forward passes' (one forward, two backward) for each image seen, two FLOPs a multiply-add.
    double compute(size_t family, size_t size) const {
        return 6 * number_of(at(family, size, 0), "multiply_adds") * images_seen;
    }
    double parameters(size_t family, size_t size) const { return number_of(at(family, size, 0), "parameters"); }

    PowerLaw law(size_t family, bool by_compute) const {
        std::vector<double> x, y;
        for (size_t size = 0; size < sizes; ++size)
            for (size_t seed = 0; seed < static_cast<size_t>(seeds); ++seed) {
                x.push_back(by_compute ? compute(family, size) : parameters(family, size));
                y.push_back(number_of(at(family, size, seed), "loss"));
            }
        return power_law_of(x, y);
    }
};

ResultTable sizes_table(const Results& results) {
    ResultTable table{
        "By size",
        {"family", "channels", "parameters", "M multiply-adds", "GFLOP in training", "test loss", "accuracy, %"},
        {}};
    for (size_t family = 0; family < scaling_families.size(); ++family)
        for (size_t size = 0; size < results.sizes; ++size) {
            const json& one = results.at(family, size, 0);
            table.rows.push_back({scaling_families[family], fmt::format("{}", one.at("size").get<int64_t>()),
                                  grouped(one.at("parameters").get<int64_t>()),
                                  fmt::format("{:.2f}", number_of(one, "multiply_adds") / 1e6),
                                  fmt::format("{:.0f}", results.compute(family, size) / 1e9),
                                  text_of(results.spread(family, size, "loss"), 3),
                                  text_of(results.spread(family, size, "accuracy"), 1)});
        }
    table.note =
        "Channels of the first stage; multiply-adds of one image's forward pass. A training is counted as three "
        "forward "
        "passes for each image it sees.";
    return table;
}

ResultTable laws_table(const Results& results) {
    ResultTable table{
        "Test loss as a power law: loss = a x^-b", {"family", "b, x parameters", "b, x compute", "off the line"}, {}};
    for (size_t family = 0; family < scaling_families.size(); ++family) {
        const PowerLaw by_compute = results.law(family, true);
        table.rows.push_back(
            {scaling_families[family], text_of(results.law(family, false)), text_of(by_compute),
             std::isfinite(by_compute.deviation) ? fmt::format("{:.1f} %", 100 * by_compute.deviation) : "-"});
    }
    table.note =
        "b with its standard error, by least squares through the logarithms of all sizes and seeds; off the line: "
        "the standard deviation of a loss from its power law.";
    return table;
}

ResultTable published_table() {
    return {"Published: ImageNet-1k, top-1 accuracy in %",
            {"model", "accuracy", "source"},
            {{"SwinV2-T, S, B", "81.7, 83.6, 84.1", "Swin V2, Table 6"},
             {"the same, pre-norm and dot product", "81.5, 83.2, 83.6", "Swin V2, Table 6"},
             {"SwinV2-B, L (after ImageNet-22k)", "87.1, 87.7", "Swin V2, Table 2"},
             {"SwinV2-G, 3 billion parameters", "90.17", "Swin V2, Table 2"},
             {"ResNet-50, 101, 152 (ten crops)", "77.15, 78.25, 78.57", "He et al., Table 3"}},
            "Swin V2: arXiv 2111.09883. He et al.: arXiv 1512.03385. Other data, other training: not to be compared "
            "with the "
            "numbers above, nor those of one source with the other's, but by how they rise."};
}

// Both axes are logarithmic, so that a power law is a straight line.
Figure figure_of(const Results& results, bool by_compute, const char* title) {
    Figure figure{title,
                  by_compute ? "logarithm (base 10) of the FLOPs of a training" : "logarithm (base 10) of parameters",
                  "test loss",
                  {},
                  true};
    for (size_t family = 0; family < scaling_families.size(); ++family) {
        Series series{scaling_families[family], {}, {}, {}};
        for (size_t size = 0; size < results.sizes; ++size) {
            const Spread loss = results.spread(family, size, "loss");
            series.x.push_back(
                std::log10(by_compute ? results.compute(family, size) : results.parameters(family, size)));
            series.y.push_back(loss.mean);
            series.spread.push_back(loss.deviation);
        }
        figure.series.push_back(series);
    }
    return figure;
}

bool falls_clearly(const PowerLaw& law) { return law.exponent > 2 * law.error; }

// Whether the exponents of two laws differ by more than chance: 0 where they do not, or that is not known, or neither
// loss falls with size.
int compared(const PowerLaw& a, const PowerLaw& b) {
    if (!falls_clearly(a) && !falls_clearly(b)) return 0;
    const double error = std::hypot(a.error, b.error), difference = a.exponent - b.exponent;
    if (!std::isfinite(error) || !std::isfinite(difference)) return 0;
    return difference > 2 * error ? 1 : difference < -2 * error ? -1 : 0;
}

std::string falls(const Results& results, size_t family) {
    const PowerLaw law = results.law(family, true);
    if (!std::isfinite(law.error))
        return fmt::format("{}: too few sizes came to an end for a power law with an uncertainty.",
                           scaling_families[family]);
    return fmt::format(
        "{}: twice the compute multiplies the loss by {:.3f} (b = {}). {}", scaling_families[family],
        std::pow(2.0, -law.exponent), text_of(law),
        falls_clearly(law) ? "It falls with size." : "Whether it falls with size these trainings do not tell.");
}

std::vector<std::string> seen_in(const Results& results) {
    std::vector<std::string> texts;
    for (size_t family = 0; family < scaling_families.size(); ++family) texts.push_back(falls(results, family));
    const PowerLaw v2 = results.law(res_post, true), before = results.law(pre, true), cnn = results.law(resnet, true);
    const int by_norm = compared(v2, before), by_kind = compared(v2, cnn);
    texts.push_back(fmt::format(
        "res-post-norm against pre-norm, b = {} against {}: {}", text_of(v2), text_of(before),
        by_norm > 0   ? "res-post-norm gains more from size, as the paper says of models a thousand times as large."
        : by_norm < 0 ? "pre-norm gains more from size here; the paper's trouble with it begins at far larger models."
                      : "no difference that these trainings can show; the paper's is of far larger models."));
    texts.push_back(fmt::format(
        "V2 against ResNets of the same compute, b = {} against {}: {}", text_of(v2), text_of(cnn),
        by_kind > 0 ? "V2 gains more from size, as the summary says of networks without a convolution's inductive bias."
        : by_kind < 0 ? "ResNets gain more from size here, the opposite of what the summary says."
                      : "no difference that these trainings can show, so the summary's statement does not show here."));
    const Spread largest = results.spread(res_post, results.sizes - 1, "loss"),
                 largest_cnn = results.spread(resnet, results.sizes - 1, "loss");
    texts.push_back(fmt::format("At the largest size V2 has a test loss of {}, the ResNet of {}.", text_of(largest, 3),
                                text_of(largest_cnn, 3)));
    for (size_t i = 0; i < results.all.size(); ++i)
        if (const auto why = results.all[i].at("stopped").get<std::string>(); !why.empty())
            texts.push_back(fmt::format("{}: training stopped, as {}.",
                                        scaling_families[i / (results.sizes * static_cast<size_t>(results.seeds))],
                                        why));
    return texts;
}

}  // namespace

Findings scaling_findings(const ScalingResults& given) {
    const Results results{given};
    return {{{"compute.svg", figure_of(results, true, "Test loss by compute")},
             {"parameters.svg", figure_of(results, false, "Test loss by parameters")}},
            {sizes_table(results), laws_table(results), published_table()},
            seen_in(results),
            {}};
}

}  // namespace swingrad
