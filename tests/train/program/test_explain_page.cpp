// The page of `swingrad explain` as a file: its layers and the code they name, what it needs, and what has room on it.

#include "models/swin/costs.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/train/program/explained_swin.h"
#include "train/program/explain/explain_page.h"
#include "train/program/explain/layer_text.h"

#include <algorithm>
#include <filesystem>
#include <map>

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

namespace {

json data_in(const std::string& page) {
    const std::string begin = "<script type=\"application/json\" id=\"data\">";
    const size_t from = page.find(begin) + begin.size();
    return json::parse(page.substr(from, page.find("</script>", from) - from));
}

}  // namespace

TEST_CASE("large maps and pictures are drawn smaller, each number the mean of a square, and the page says so") {
    SwinConfig config = small_swin();
    config.img_size = {264, 260}, config.patch_size = {4, 4};  // 66 x 65 tokens
    config.depths = {1}, config.num_heads = {1}, config.window_size = {{4, 4}},
    config.pretrained_window_sizes = {{0, 0}};
    const Explained seen = ExplainedSwin(config).seen();
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
    configs[4].position_embedding = PositionEmbedding::absolute;
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

    const Explained seen = ExplainedSwin(small_swin()).seen();
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
    const Explained seen = ExplainedSwin(small_swin()).seen();
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
    const Explained seen = ExplainedSwin(small_swin()).seen();
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
