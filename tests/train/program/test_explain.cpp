// What the page of `swingrad explain` shows of a model, against what computes it. The page: test_explain_page.cpp; the
// command: test_explain.sh; the page in a browser: explain_in_browser.py.

#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/train/program/explained_swin.h"
#include "train/loop/trace.h"
#include "train/program/explain/bytes.h"

#include <cmath>
#include <map>
#include <numeric>

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

namespace {

uint8_t byte_at(const std::string& bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

double root_mean_square(const std::vector<double>& values) {
    return std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0) /
                     static_cast<double>(values.size()));
}

}  // namespace

TEST_CASE("numbers on a page are off by a 510th of their range, shares by a 510th of their row's largest") {
    std::vector<double> values;
    for (uint64_t i = 0; i < 300; ++i) values.push_back(Random{1, 0}.uniform(i) * 7 - 3);
    REQUIRE(holds(as_bytes(values, "x"), values));
    REQUIRE(as_bytes(std::vector{5.0, 5.0}, "x") == json{{"least", 5}, {"most", 5}, {"bytes", "AAA="}});
    REQUIRE(error_of([] {
                as_bytes(std::vector{1.0, double(NAN)}, "norm");
            }) == "norm: a value of nan cannot be drawn");
    REQUIRE(in_six_digits(1.0 / 3).dump() == "0.333333");
    REQUIRE(in_six_digits(INFINITY).is_null());
    SharesAsBytes shares;
    shares.add_row(std::vector{0.5f, 0.25f, 0.0f, 0.25f});
    shares.add_row(std::vector{0.0f, 0.0f, 0.0f, 1.0f});
    REQUIRE(shares.largest == std::string("\x00\x80\xff\xff", 4));
    REQUIRE(shares.parts == std::string("\xff\x80\x00\x80\x00\x00\x00\xff", 8));
}

TEST_CASE("a page's attention is what attention_weights gives, windows and shift undone") {
    for (const PaddingOrder order : {PaddingOrder::before_shift, PaddingOrder::after_shift}) {
        SwinConfig config = small_swin();
        config.padding_order = order;
        const ExplainedSwin subject(config);
        const Explained seen = subject.seen();
        const json page = explanation_of(seen, whole_room(seen));
        size_t block = 0;
        ForwardOptions options;
        options.observe_attention = [&](int64_t, const WindowAttention& attention, const Tensor& x) {
            const WindowTable& table = *attention.map();
            const json& one = page.at("blocks").at(block++);
            // The table follows from the cut.
            const json& cut = page.at("cuts").at(one.at("cut").get<size_t>());
            const int64_t across = table.padded.columns / table.window.columns;
            REQUIRE(cut.at("map") == json{table.map.rows, table.map.columns});
            REQUIRE(cut.at("window") == json{table.window.rows, table.window.columns});
            REQUIRE(cut.at("shift") == json{table.shift.rows, table.shift.columns});
            for (size_t slot = 0; slot < table.source.size(); ++slot) {
                const auto window = static_cast<int64_t>(slot) / table.tokens,
                           place = static_cast<int64_t>(slot) % table.tokens;
                const auto r = static_cast<size_t>(window / across * table.window.rows + place / table.window.columns),
                           c = static_cast<size_t>(window % across * table.window.columns +
                                                   place % table.window.columns);
                const int64_t row = cut.at("rows").at(r), column = cut.at("columns").at(c);
                REQUIRE(table.source[slot] == (row < 0 || column < 0 ? -1 : row * table.map.columns + column));
                for (size_t other = slot / table.tokens * table.tokens; other < slot && !table.mask.empty(); ++other) {
                    const auto key = static_cast<int64_t>(other) % table.tokens;
                    const auto r2 = static_cast<size_t>(window / across * table.window.rows +
                                                        key / table.window.columns),
                               c2 = static_cast<size_t>(window % across * table.window.columns +
                                                        key % table.window.columns);
                    const bool same = cut.at("row_stretches").at(r) == cut.at("row_stretches").at(r2) &&
                                      cut.at("column_stretches").at(c) == cut.at("column_stretches").at(c2);
                    REQUIRE(same == (table.mask[slot] == table.mask[other]));
                }
            }
            // Every head's shares.
            const std::vector<double> weights = attention.weights(x).values();
            const auto N = static_cast<size_t>(table.tokens), heads = one.at("heads").get<size_t>();
            REQUIRE(one.at("shares").size() == heads);
            for (size_t head = 0; head < heads; ++head) {
                const std::string largest = bytes_of(one.at("shares").at(head).at("largest")),
                                  parts = bytes_of(one.at("shares").at(head).at("parts"));
                REQUIRE(largest.size() == 2 * table.source.size());
                REQUIRE(parts.size() == N * table.source.size());
                for (size_t row = 0; row < table.source.size(); ++row) {
                    const double most = (byte_at(largest, 2 * row) + 256 * byte_at(largest, 2 * row + 1)) / 65535.0;
                    for (size_t key = 0; key < N; ++key) {
                        const double share = byte_at(parts, row * N + key) / 255.0 * most;
                        const double weight = weights[((row / N * heads + head) * N + row % N) * N + key];
                        REQUIRE(std::abs(share - weight) <= most / 510 + 1.0 / 131070 + 1e-6);
                    }
                }
            }
            // tau and the position bias.
            const std::vector<double> scales = attention.score_scales(), bias = attention.position_bias().values();
            for (size_t head = 0; head < heads; ++head) {
                REQUIRE(one.at("tau").at(head).get<double>() == Approx(1 / scales[head]).epsilon(1e-5));
                std::vector<double> of_head;
                for (size_t i = head; i < bias.size(); i += heads) of_head.push_back(bias[i]);
                REQUIRE(one.at("bias").at("rows").get<int64_t>() * one.at("bias").at("columns").get<int64_t>() ==
                        static_cast<int64_t>(of_head.size()));
                REQUIRE(holds(one.at("bias").at("pictures").at(head), of_head));
            }
        };
        const NoGrad no_recording;
        subject.model.forward(subject.input, options);
        REQUIRE(block == 3);
    }
}

TEST_CASE("a page's maps, answer and gradients are those that trace gives") {
    const ExplainedSwin subject(small_swin());
    const Explained seen = subject.seen();
    const json page = explanation_of(seen, whole_room(seen));
    const int64_t label = page.at("answer").at(0).at("label");
    const Tensor channels_first = permute(subject.input, {0, 3, 1, 2});
    std::map<std::string, Tensor> traced;
    for (const auto& [name, value] :
         trace_model(subject.model, subject.parameters, channels_first,
                     [&](const Tensor& x) { return cross_entropy(x, Tensor::from({1}, std::vector<int64_t>{label})); }))
        traced[name] = value.clone();
    REQUIRE(page.at("loss").get<double>() == Approx(traced.at("loss").item()).epsilon(1e-4));
    REQUIRE(page.at("answer").size() == 3);
    double sum = 0;
    for (const json& answer : page.at("answer")) sum += answer.at("probability").get<double>();
    REQUIRE(sum == Approx(1).epsilon(1e-5));
    REQUIRE(-std::log(page.at("answer").at(0).at("probability").get<double>()) ==
            Approx(traced.at("loss").item()).epsilon(1e-4));

    std::vector<std::string> layers;
    for (const json& map : page.at("maps")) {
        layers.push_back(map.at("layer"));
        INFO(layers.back());
        const std::vector<double> values = traced.at(layers.back()).values();
        const auto C = map.at("channels").get<size_t>();
        double amplitude = 0;
        for (const double value : values) amplitude += std::abs(value) / static_cast<double>(values.size());
        REQUIRE(map.at("amplitude").get<double>() == Approx(amplitude).epsilon(1e-4));
        REQUIRE(map.at("pictures").size() == C + 1);
        for (const json& picture : map.at("pictures")) {
            const int64_t channel = picture.at("channel");
            std::vector<double> expected;
            for (size_t i = 0; i < values.size(); i += C) {
                const std::vector<double> token(values.begin() + static_cast<std::ptrdiff_t>(i),
                                                values.begin() + static_cast<std::ptrdiff_t>(i + C));
                expected.push_back(channel < 0 ? root_mean_square(token) : token[static_cast<size_t>(channel)]);
            }
            REQUIRE(holds(picture, expected));
        }
    }
    REQUIRE(layers == std::vector<std::string>{"patch_embed", "layers.0.blocks.0", "layers.0.blocks.1",
                                               "layers.1.downsample", "layers.1.blocks.0", "norm"});

    // Each parameter is used by one operation, which hands it its whole gradient.
    std::map<std::string, double> passed;
    for (const json& node : page.at("tape"))
        for (const json& input : node.at("inputs"))
            if (input.contains("leaf")) passed[input.at("leaf")] = input.at("passed").get<double>();
    size_t compared = 0;
    for (const auto& entry : subject.parameters.entries()) {
        INFO(entry.name);
        REQUIRE(passed.at(entry.name) ==
                Approx(root_mean_square(traced.at("grad." + entry.name).values())).epsilon(1e-3).margin(1e-9));
        ++compared;
    }
    REQUIRE(passed.size() == compared + 1);  // and the picture
    const std::vector<double> of_image = permute(traced.at("grad.images"), {0, 2, 3, 1}).values();
    std::vector<double> lengths;
    for (size_t i = 0; i < of_image.size(); i += 3)
        lengths.push_back(std::hypot(of_image[i], of_image[i + 1], of_image[i + 2]));
    REQUIRE(holds(page.at("image_gradient"), lengths));
    // What arrives at the loss is 1, and at each operation what those behind it have handed to it.
    REQUIRE(page.at("tape").back().at("gradient") == 1);
    const json& last_norm = page.at("tape").at(page.at("tape").size() - 4);
    REQUIRE(last_norm.at("scope") == "norm");
    for (const json& node : page.at("tape"))
        for (const json& input : node.at("inputs"))
            if (input.contains("node") && node.at("number") == last_norm.at("number").get<int64_t>() + 1)
                REQUIRE(last_norm.at("gradient") == input.at("passed"));
    REQUIRE(last_norm.at("map").at("rows") == 4);
    size_t sums = 0;
    for (const json& node : page.at("tape"))
        if (node.at("name") == "residual_norm") {  // what arrives goes on to the stream as it is
            REQUIRE(node.at("gradient") == node.at("inputs").at(0).at("passed"));
            ++sums;
        }
    REQUIRE(sums == 6);
}

TEST_CASE("a model that puts out what is not finite is not explained") {
    ExplainedSwin subject(small_swin());
    for (const auto& entry : subject.parameters.entries())
        if (entry.name == "layers.0.blocks.1.norm2.bias") entry.value.data<float>()[0] = INFINITY;
    REQUIRE(error_of([&] { subject.seen(); }) == "[explain] layers.0.blocks.1 puts out what is not finite");
}
