// What the page of `swingrad explain` shows, against what computes it. Its command: test_explain.sh; the page in a
// browser: explain_in_browser.py.

#include "models/swin/costs.h"
#include "ops/ops.h"
#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "train/loop/trace.h"
#include "train/program/explain/bytes.h"
#include "train/program/explain/explain_page.h"
#include "train/program/explain/layer_text.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <numeric>

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

namespace {

// A model with every parameter away from where it starts, so that nothing is the identity, and a picture for it.
struct Subject {
    SwinConfig config;
    SwinV2 model;
    Parameters parameters;
    Tensor input;

    explicit Subject(const SwinConfig& of)
        : config(of),
          model(config),
          parameters(model, DType::float32, Random{}),
          input(Tensor::empty({1, config.img_size.rows, config.img_size.columns, 3})) {
        for (size_t i = 0; i < parameters.entries().size(); ++i) {
            const auto& entry = parameters.entries()[i];
            const auto values = random_tensor(entry.shape, Random{3, i}).values();
            for (size_t k = 0; k < values.size(); ++k)
                entry.value.data<float>()[k] =
                    static_cast<float>(0.4 * values[k] + (entry.shape.rank() == 1 ? 0.5 : 0));
        }
        for (int64_t i = 0; i < input.numel(); ++i)
            input.data<float>()[i] =
                static_cast<float>(Random{4, 0}.below(static_cast<uint64_t>(i), 256)) / 255 * 4 - 2;
    }

    Explained seen() const {
        const Normalisation to_two{{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
        return explained({"a run", "small", "a </script> picture.png", config, to_two, {"one", "<two>", "three"}},
                         parameters, input);
    }
};

std::string bytes_of(const json& base64) {
    const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    uint32_t group = 0, bits = 0;
    for (const char c : base64.get<std::string>()) {
        if (c == '=') break;
        group = group << 6 | static_cast<uint32_t>(digits.find(c));
        if ((bits += 6) >= 8) bytes += static_cast<char>(group >> (bits -= 8) & 255);
    }
    return bytes;
}

uint8_t byte_at(const std::string& bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

std::vector<double> values_of(const json& picture) {
    std::vector<double> values;
    const double least = picture.at("least"), most = picture.at("most");
    for (const char byte : bytes_of(picture.at("bytes")))
        values.push_back(least + static_cast<uint8_t>(byte) / 255.0 * (most - least));
    return values;
}

// Whether a picture holds these numbers, as closely as it says.
bool holds(const json& picture, const std::vector<double>& expected) {
    const std::vector<double> values = values_of(picture);
    const double range = picture.at("most").get<double>() - picture.at("least").get<double>();
    if (values.size() != expected.size()) return false;
    for (size_t i = 0; i < values.size(); ++i)
        if (!(std::abs(values[i] - expected[i]) <= range / 510 + 1e-5 * (1 + std::abs(expected[i])))) return false;
    return true;
}

json data_in(const std::string& page) {
    const std::string begin = "<script type=\"application/json\" id=\"data\">";
    const size_t from = page.find(begin) + begin.size();
    return json::parse(page.substr(from, page.find("</script>", from) - from));
}

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
        const Subject subject(config);
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
    const Subject subject(small_swin());
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

TEST_CASE("large maps and pictures are drawn smaller, each number the mean of a square, and the page says so") {
    SwinConfig config = small_swin();
    config.img_size = {264, 260}, config.patch_size = {4, 4};  // 66 x 65 tokens
    config.depths = {1}, config.num_heads = {1}, config.window_size = {{4, 4}},
    config.pretrained_window_sizes = {{0, 0}};
    const Explained seen = Subject(config).seen();
    const json page = explanation_of(seen, whole_room(seen));
    REQUIRE(page.at("picture").at("rows") == 264);
    REQUIRE(contains(page.at("left_out").at(0), "264 x 260 pixels, is drawn with at most 256 a side"));
    REQUIRE(contains(page.at("left_out").at(1), "more than 64 tokens a side are drawn with at most 64"));
    const json& map = page.at("maps").at(0);
    REQUIRE(map.at("drawn") == json{33, 33});
    const std::vector<double> values = seen.pass.maps[0].second.values();  // [1, 66, 65, 4]
    const int64_t channel = map.at("pictures").at(1).at("channel");
    std::vector<double> expected;
    for (int64_t r = 0; r < 66; r += 2)
        for (int64_t c = 0; c < 65; c += 2) {
            double sum = 0, count = 0;
            for (int64_t row = r; row < r + 2; ++row)
                for (int64_t column = c; column < std::min<int64_t>(c + 2, 65); ++column, ++count)
                    sum += values[static_cast<size_t>((row * 65 + column) * 4 + channel)];
            expected.push_back(sum / count);
        }
    REQUIRE(holds(map.at("pictures").at(1), expected));
    for (const json& node : page.at("tape"))
        if (node.contains("map")) REQUIRE(node.at("map").at("rows") == 33);
}

TEST_CASE("a page's layers have the costs of layer_costs, and the files that they name are there") {
    std::vector<SwinConfig> configs(6, small_swin());
    use_v1_switches(configs[1]);
    configs[2].norm = NormPlacement::sandwich, configs[2].position_bias = PositionBias::linear_cpb;
    configs[3].norm = NormPlacement::post, configs[3].cpb_formula = CpbFormula::paper;
    configs[4].extra_norm_every = 1, configs[4].position_bias = PositionBias::none;
    configs[5].position_bias = PositionBias::linear_cpb, configs[5].cpb_formula = CpbFormula::paper;
    std::map<std::string, std::string> texts;
    for (const SwinConfig& config : configs)
        for (const LayerCost& layer : layer_costs(config, 1)) {
            INFO(layer.name);
            const LayerText text = text_of_layer(config, layer.name);
            REQUIRE(!text.title.empty());
            REQUIRE(!text.formula.empty());
            REQUIRE(!text.code.empty());
            for (const std::string& path : text.code) {
                INFO(path);
                REQUIRE(std::filesystem::is_regular_file(source_directory() / path));
            }
            for (const std::string& line : text.formula) texts[layer.name] += line + "\n";
        }
    const std::string& attention = texts["layers.0.blocks.0.attn"];
    for (const char* part : {"cos(q, k) / tau + B(d)", "q . k / sqrt(D) + B(d)", "z = d / (M - 1)", "learnt table",
                             "z = sign(d) ln(1 + |d|)", "z = d\n", "score = cos(q, k) / tau\n"})
        REQUIRE(contains(attention, part));
    for (const char* part : {"x <- x + LayerNorm(attention(x))", "x <- x + attention(LayerNorm(x))",
                             "x <- LayerNorm(x + attention(x))", "x <- x + LayerNorm(attention(pre_norm(x)))"})
        REQUIRE(contains(texts["layers.0.blocks.0.norm1"], part));
    REQUIRE(contains(texts["layers.1.downsample"], "LayerNorm(W u)"));
    REQUIRE(contains(texts["layers.1.downsample"], "W LayerNorm(u)"));
    REQUIRE(error_of([&] { text_of_layer(configs[0], "layers.0.gate"); }) ==
            "[explain] no layer is called layers.0.gate");

    const Explained seen = Subject(small_swin()).seen();
    const json page = explanation_of(seen, whole_room(seen));
    const std::vector<LayerCost> costs = layer_costs(small_swin(), 1);
    REQUIRE(page.at("layers").size() == costs.size());
    for (size_t i = 0; i < costs.size(); ++i) {
        const json& layer = page.at("layers").at(i);
        REQUIRE(layer.at("name") == costs[i].name);
        REQUIRE(layer.at("parameters") == costs[i].parameters);
        REQUIRE(layer.at("flops") == costs[i].flops());
        REQUIRE(layer.at("output") == json(std::vector<int64_t>(costs[i].output.begin(), costs[i].output.end())));
        REQUIRE(page.at("texts").at(layer.at("text").get<size_t>()).at("title") ==
                text_of_layer(small_swin(), costs[i].name).title);
    }
    for (const json& map : page.at("maps")) {  // their pictures belong to layers or blocks of that list
        const std::string name = map.at("layer");
        REQUIRE(
            std::any_of(costs.begin(), costs.end(), [&](const LayerCost& one) { return one.name.starts_with(name); }));
    }
}

TEST_CASE("a page needs nothing but itself, and no name in it is markup") {
    const Explained seen = Subject(small_swin()).seen();
    const json explanation = explanation_of(seen, whole_room(seen));
    const std::string page = explain_page(explanation);
    REQUIRE(data_in(page) == explanation);
    REQUIRE(explanation.at("left_out").empty());
    for (const char* outside : {"http:", "https:", "url(", "@import", "<link", "src=\"", "fetch(", "import "}) {
        INFO(outside);
        REQUIRE(!contains(page, outside));
    }
    REQUIRE(occurrences(page, "<script") == 2);
    REQUIRE(occurrences(page, "</script>") == 2);
    REQUIRE(contains(page, "a &lt;/script&gt; picture.png through a run"));
    REQUIRE(explanation.at("picture").at("name") == "a </script> picture.png");
    const Tensor pixels = seen.pixels;
    for (int64_t i = 0; i < pixels.numel(); ++i)
        REQUIRE(pixels.data<uint8_t>()[i] == Random{4, 0}.below(static_cast<uint64_t>(i), 256));
}

TEST_CASE("heads give way one at a time from the block that takes most, and whole blocks last") {
    REQUIRE(heads_within({3, 6}, {100, 10}, 360) == std::vector<int64_t>{3, 6});
    REQUIRE(heads_within({3, 6}, {100, 10}, 359) == std::vector<int64_t>{2, 6});
    REQUIRE(heads_within({3, 6}, {100, 10}, 160) == std::vector<int64_t>{1, 6});
    REQUIRE(heads_within({3, 6}, {100, 10}, 119) == std::vector<int64_t>{1, 1});
    REQUIRE(heads_within({3, 6}, {100, 10}, 109) == std::vector<int64_t>{0, 1});
    REQUIRE(heads_within({3, 6}, {100, 10}, 9) == std::vector<int64_t>{0, 0});
    REQUIRE(heads_within({}, {}, 0).empty());
}

TEST_CASE("a page keeps to its size, says what is left out, and refuses a size that nothing fits") {
    const Explained seen = Subject(small_swin()).seen();
    const size_t whole = explain_page(explanation_of(seen, whole_room(seen))).size();
    size_t smallest = 0;
    for (size_t most = whole + 8000; most > whole / 2; most -= 700) {
        Room room;
        const std::string why = error_of([&] { room = room_within(seen, most); });
        if (why != "no error") {
            REQUIRE(why.starts_with("[explain] the page would take "));
            break;
        }
        const json explanation = explanation_of(seen, room);
        REQUIRE(explain_page(explanation).size() <= most);
        REQUIRE(explanation.at("left_out").empty() == (room.heads == whole_room(seen).heads && room.channels == 16));
        smallest = most;
    }
    REQUIRE(smallest > 0);
    const Room least = room_within(seen, smallest);
    REQUIRE(least.channels == 0);
    REQUIRE(!least.gradient_maps);
    const json explanation = explanation_of(seen, least);
    REQUIRE(explanation.at("left_out").size() == 3);
    REQUIRE(contains(explanation.at("left_out").at(2), "block 1: 0 of 1"));
    REQUIRE(explanation.at("blocks").at(0).at("shares").empty());
    REQUIRE(explanation.at("maps").at(0).at("pictures").size() == 1);
    REQUIRE(!explanation.at("tape").at(0).contains("map"));
}

TEST_CASE("a model that puts out what is not finite is not explained") {
    Subject subject(small_swin());
    for (const auto& entry : subject.parameters.entries())
        if (entry.name == "layers.0.blocks.1.norm2.bias") entry.value.data<float>()[0] = INFINITY;
    REQUIRE(error_of([&] { subject.seen(); }) == "[explain] layers.0.blocks.1 puts out what is not finite");
}
