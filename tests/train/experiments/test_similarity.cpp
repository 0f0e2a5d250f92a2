// Cosines of pairs of tokens against loops over all pairs, and what the experiment similarity makes of them. Its
// command: test_experiments.sh.

#include "models/nn/parameters.h"
#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/experiments/similarity/block_similarity.h"
#include "train/experiments/similarity/findings.h"
#include "train/experiments/similarity/token_pairs.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

namespace {

struct Place {
    int64_t image, row, column;
};

// The mean cosine of all pairs that `chosen` chooses, each taken once.
double mean_cosine(const Tensor& x, const std::vector<double>& less,
                   const std::function<bool(const Place&, const Place&)>& chosen) {
    const int64_t B = x.shape()[0], H = x.shape()[1], W = x.shape()[2], C = x.shape()[3];
    const std::vector<double> values = x.values();
    double sum = 0, count = 0;
    for (int64_t i = 0; i < B * H * W; ++i)
        for (int64_t j = 0; j < i; ++j) {
            const auto place = [&](int64_t k) { return Place{k / (H * W), k / W % H, k % W}; };
            if (!chosen(place(i), place(j))) continue;
            double dot = 0, a = 0, b = 0;
            for (int64_t c = 0; c < C; ++c) {
                const double one = values[static_cast<size_t>(i * C + c)] - less[static_cast<size_t>(c)],
                             other = values[static_cast<size_t>(j * C + c)] - less[static_cast<size_t>(c)];
                dot += one * other, a += one * one, b += other * other;
            }
            sum += dot / std::sqrt(a * b), count += 1;
        }
    return sum / count;
}

// Of one seed: how cosines and amplitude end that begin as near 0.4, far 0.1, same 0.3, other 0.1 and 1; and what of
// pre-norm's stream is attention's.
struct End {
    double near, far, amplitude, same = 0.3, attention = 0.2;

    json result(double shift = 0) const {
        const auto block = [&](double n, double f, double s, double a) {
            const json pairs{{"near", n}, {"far", f}, {"same", s}, {"other", 0.1}},
                more{{"near", n + 0.1}, {"far", f}, {"same", s}, {"other", 0.3}};
            return json{
                {"amplitude", a},
                {"stream", pairs},
                {"centred", pairs},
                {"taken", pairs},
                {"given", more},
                {"parts", {{"start", 0.1}, {"attention", attention + shift}, {"mlp", 0.9 - attention - shift}}}};
        };
        return {{"stopped", ""},
                {"accuracy", 50},
                {"blocks", {block(0.4, 0.1, 0.3, 1), block(near + shift, far - shift, same, amplitude + shift)}}};
    }
};

Findings findings_of(const End& pre, const End& res_post) {
    return similarity_findings({2, 0, {pre.result(), pre.result(0.02), res_post.result(), res_post.result(0.02)}});
}

}  // namespace

TEST_CASE("similarities of tokens are means of cosines over pairs near, far, of one class and of two") {
    const std::vector<int64_t> labels{1, 0, 1, 2, 0};
    const Tensor x = random_tensor({5, 4, 3, 6}, Random{8, 1});
    const std::vector<double> values = x.values();
    std::vector<double> mean(6);
    for (size_t i = 0; i < values.size(); ++i) mean[i % 6] += values[i] / static_cast<double>(values.size() / 6);
    const auto apart = [](const Place& a, const Place& b, int64_t down, int64_t across) {
        return a.image == b.image && std::abs(a.row - b.row) == down && std::abs(a.column - b.column) == across;
    };
    const auto of_images = [&](const Place& a, const Place& b, bool same) {
        return a.image != b.image && a.row == b.row && a.column == b.column &&
               (labels[static_cast<size_t>(a.image)] == labels[static_cast<size_t>(b.image)]) == same;
    };
    for (const bool centred : {false, true}) {
        const std::vector<double> less = centred ? mean : std::vector<double>(6);
        const TokenSimilarity found = similarity_of(x, labels, centred);
        REQUIRE(found.near == Approx(mean_cosine(x, less, [&](const Place& a, const Place& b) {
                    return apart(a, b, 1, 0) || apart(a, b, 0, 1);
                })));
        REQUIRE(found.far == Approx(mean_cosine(x, less, [&](const Place& a, const Place& b) {
                    return apart(a, b, 2, 0) || apart(a, b, 0, 2);
                })));
        for (const bool same : {true, false})
            REQUIRE(
                (same ? found.same : found.other) ==
                Approx(mean_cosine(x, less, [&](const Place& a, const Place& b) { return of_images(a, b, same); })));
    }
    REQUIRE(std::isnan(similarity_of(x.slice(0, 1), {1}, false).same));
    REQUIRE(std::isnan(similarity_of(random_tensor({2, 1, 1, 3}, Random{8, 2}), {1, 1}, false).near));
    REQUIRE(similarity_of(Tensor::zeros({2, 4, 4, 3}), {0, 1}, true).near == 0);
    REQUIRE(error_of([&] {
                similarity_of(x, {1, 2}, true);
            }) == "[similarity] expected [B, H, W, C] and B labels, got [5, 4, 3, 6] and 2");
}

TEST_CASE("each block is looked at, and pre-norm's stream is what came into the stage and what branches added") {
    SwinConfig config = small_swin();
    config.depths = {1, 2};
    const std::vector<int64_t> labels{0, 1, 0, 1};
    const Tensor images =
        random_tensor({4, config.img_size.rows, config.img_size.columns, 3}, Random{9, 0}).to(DType::float32);
    // Without what ends in `silent`.
    const auto looked_at = [&](NormPlacement norm, const std::string& silent) {
        config.norm = norm;
        SwinV2 model(config);
        const Parameters parameters(model, DType::float32, Random{9, 1});
        for (const auto& entry : parameters.entries())
            if (entry.name.ends_with(silent)) entry.value.fill_zero();
        return similarity_of_blocks(model, images, labels);
    };
    const json whole = looked_at(NormPlacement::pre, "nothing"),
               of_mlps = looked_at(NormPlacement::pre, ".attn.proj.weight"),
               of_attention = looked_at(NormPlacement::pre, ".mlp.fc2.weight");
    REQUIRE(whole.size() == 3);
    REQUIRE(!whole[0].contains("parts"));
    REQUIRE(!looked_at(NormPlacement::res_post, "nothing")[1].contains("parts"));
    for (size_t block : {1, 2}) {
        REQUIRE(whole[block].at("block") == "layers.1.blocks." + std::to_string(block - 1));
        const auto part = [&](const json& of, const char* what) {
            return of[block].at("parts").at(what).get<double>();
        };
        REQUIRE(part(of_mlps, "attention") == 0);
        REQUIRE(std::abs(part(of_mlps, "mlp")) > 1e-4);
        REQUIRE(part(of_attention, "mlp") == Approx(0).margin(1e-6));
        REQUIRE(std::abs(part(of_attention, "attention")) > 1e-4);
        REQUIRE(part(whole, "start") + part(whole, "attention") + part(whole, "mlp") == Approx(1));
        REQUIRE(whole[block].at("taken") != whole[block].at("given"));
    }
}

TEST_CASE("the findings say which reading the numbers bear, and where they bear neither") {
    const Findings sums = findings_of({0.5, 0.0, 3}, {0.6, -0.1, 1.1});
    REQUIRE(sums.seen[0] ==
            "pre: from the first to the last block of the last stage the cosine of neighbours rises by 0.110 +- 0.014, "
            "that of tokens half a map apart falls by 0.110 +- 0.014: both as the summary says. The advantage of one "
            "class over two moves, within chance, by 0.000 +- 0.000.");
    REQUIRE(
        contains(sums.seen[2], "moves near less far by 0.100 +- 0.000 and same less other class by -0.200 +- 0.000"));
    REQUIRE(contains(sums.seen[3],
                     "0.10 +- 0.00 is what came into the stage, 0.21 +- 0.01 what attentions have added, "
                     "0.69 +- 0.01 what MLPs have"));
    REQUIRE(contains(sums.seen[4], "grows by a factor of 3.01 +- 0.01 with pre-norm and of 1.11 +- 0.01"));
    // 0.2 and 0.24 of near less far against 0.4 and 0.44; ln 1.1 and ln 1.12 of growth against ln 3 and ln 3.02.
    REQUIRE(contains(sums.seen[4], "near less far rises by 0.220 +- 0.028, with res-post-norm by 0.420 +- 0.028"));
    REQUIRE(contains(sums.seen[4],
                     fmt::format("So {:.2f} +- 0.12 of this parting stays without pre-norm, and {:.2f} +- 0.01 of",
                                 (0.4 / 0.2 + 0.44 / 0.24) / 2,
                                 (std::log(1.1) / std::log(3) + std::log(1.12) / std::log(3.02)) / 2)));
    REQUIRE(contains(sums.seen[4], "same less other class moves by 0.000 +- 0.000"));
    REQUIRE(contains(sums.seen[4], "it is not their parting that makes it grow: the numbers bear the paper's reading"));
    REQUIRE(contains(findings_of({0.3, 0.0, 3}, {0.6, 0.0, 1.1}).seen[4], "Tokens do not part where the stream grows"));
    REQUIRE(contains(findings_of({0.7, -0.2, 3}, {0.4, 0.1, 1.3}).seen[4], "do not tell the two readings apart"));
    REQUIRE(contains(findings_of({0.5, 0.0, 3, 0.6}, {0.6, -0.1, 1.1}).seen[4], "do not tell the two readings apart"));
    REQUIRE(contains(findings_of({0.5, 0.0, 1.1}, {0.6, -0.1, 3}).seen[4], "bear neither reading"));
    REQUIRE(contains(findings_of({0.3, 0.2, 3}, {0.6, 0.0, 1}).seen[0], "not what the summary says"));
    REQUIRE(contains(findings_of({0.5, 0.2, 3}, {0.6, 0.0, 1}).seen[0], "one half of what the summary says"));
    SimilarityResults single{1, 0, {End{0.5, 0.0, 3}.result(), End{0.5, 0.0, 1}.result()}};
    single.all[1]["stopped"] = "it failed";
    const Findings of_one = similarity_findings(single);
    REQUIRE(contains(of_one.seen[4], "A single seed does not say"));
    REQUIRE(of_one.seen.back() == "res-post: training stopped, as it failed.");
    REQUIRE(of_one.tables[0].rows[1] ==
            std::vector<std::string>{"pre, 2", "0.500", "0.000", "0.300", "0.100", "3.000"});
    REQUIRE(sums.figures[0].figure.series.size() == 4);
    REQUIRE(sums.figures[0].figure.series[2].y.at(1) == Approx(0.61));
}
