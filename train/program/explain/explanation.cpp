#include "train/program/explain/explanation.h"

#include "core/error.h"
#include "models/swin/costs.h"
#include "train/program/console/text.h"
#include "train/program/explain/bytes.h"
#include "train/program/explain/layer_text.h"
#include "train/program/explain/map_json.h"
#include "train/program/images/image_file.h"
#include "train/program/report/examples.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr int64_t most_shown_pixels = 256;  // along a side
constexpr size_t most_answers = 5;

json list_of(const Shape& shape) { return std::vector<int64_t>(shape.begin(), shape.end()); }

// The bytes that a normalised picture was made of.
Tensor pixels_of(const Tensor& input, const Normalisation& normalisation) {
    const std::vector<double> values = input.values();
    const Tensor pixels = Tensor::empty({input.shape()[1], input.shape()[2], 3}, DType::uint8);
    for (size_t i = 0; i < values.size(); ++i) {
        const double pixel = values[i] * normalisation.deviation[i % 3] + normalisation.mean[i % 3];
        pixels.data<uint8_t>()[i] = static_cast<uint8_t>(std::lround(255 * std::clamp(pixel, 0.0, 1.0)));
    }
    return pixels;
}

json json_of_picture(const Explained& seen) {
    return {{"name", printable(seen.subject.picture)},
            {"rows", seen.pixels.shape()[0]},
            {"columns", seen.pixels.shape()[1]},
            {"png", "data:image/png;base64," + base64(png_of(shrunk(seen.pixels, most_shown_pixels)))}};
}

json json_of_answer(const Explained& seen) {
    const std::vector<double>& logits = seen.pass.logits;
    const double largest = logits[static_cast<size_t>(seen.pass.label)];
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit - largest);
    std::vector<size_t> order(logits.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
    order.resize(std::min(order.size(), most_answers));
    json answers = json::array();
    for (const size_t label : order)
        answers.push_back({{"class", printable(seen.subject.classes[label])},
                           {"label", label},
                           {"probability", in_six_digits(std::exp(logits[label] - largest) / sum)}});
    return answers;
}

void add_layers(json& page, const SwinConfig& config) {
    std::vector<LayerText> texts;
    page["layers"] = json::array();
    for (const LayerCost& layer : layer_costs(config, 1)) {
        const LayerText text = text_of_layer(config, layer.name);
        const auto place = std::find(texts.begin(), texts.end(), text) - texts.begin();
        if (place == static_cast<std::ptrdiff_t>(texts.size())) texts.push_back(text);
        page["layers"].push_back({{"name", layer.name},
                                  {"text", place},
                                  {"output", list_of(layer.output)},
                                  {"parameters", layer.parameters},
                                  {"flops", layer.flops()}});
    }
    page["texts"] = json::array();
    for (const LayerText& text : texts)
        page["texts"].push_back({{"title", text.title}, {"formula", text.formula}, {"code", text.code}});
}

// How a map is padded, rolled and cut, an axis at a time, for the table (ops/window.h) follows from these: position p
// of the rolled, padded rows holds row rows[p] of the map, or padding where that is -1. Two tokens of a window see each
// other where their row_stretches and column_stretches are equal.
json json_of_cut(const WindowTable& table) {
    const int64_t across = table.padded.columns / table.window.columns;
    const auto slot = [&](int64_t row, int64_t column) {
        const int64_t window = row / table.window.rows * across + column / table.window.columns;
        return static_cast<size_t>(window * table.tokens + row % table.window.rows * table.window.columns +
                                   column % table.window.columns);
    };
    std::vector<int64_t> rows(static_cast<size_t>(table.padded.rows), -1),
        columns(static_cast<size_t>(table.padded.columns), -1), row_stretches, column_stretches;
    for (int64_t r = 0; r < table.padded.rows; ++r)
        for (int64_t c = 0; c < table.padded.columns; ++c)
            if (const int64_t token = table.source[slot(r, c)]; token >= 0) {
                rows[static_cast<size_t>(r)] = token / table.map.columns;
                columns[static_cast<size_t>(c)] = token % table.map.columns;
            }
    for (int64_t r = 0; r < table.padded.rows; ++r)
        row_stretches.push_back(table.mask.empty() ? 0 : table.mask[slot(r, 0)]);
    for (int64_t c = 0; c < table.padded.columns; ++c)
        column_stretches.push_back(table.mask.empty() ? 0 : table.mask[slot(0, c)]);
    const auto pair = [](Extent extent) { return json{extent.rows, extent.columns}; };
    return {{"map", pair(table.map)},
            {"window", pair(table.window)},
            {"shift", pair(table.shift)},
            {"rows", rows},
            {"columns", columns},
            {"row_stretches", row_stretches},
            {"column_stretches", column_stretches}};
}

json json_of_bias(const BlockAttention& block) {
    if (!block.position_bias.defined()) return nullptr;
    const std::vector<double> values = block.position_bias.values();
    const auto heads = static_cast<size_t>(block.heads());
    json pictures = json::array();
    for (size_t head = 0; head < heads; ++head) {
        std::vector<double> of_head;
        for (size_t i = head; i < values.size(); i += heads) of_head.push_back(values[i]);
        pictures.push_back(as_bytes(of_head, "the position bias"));
    }
    return {{"rows", 2 * block.map->window.rows - 1},
            {"columns", 2 * block.map->window.columns - 1},
            {"pictures", pictures}};
}

// Of the first `kept` heads, a row for each query, windows in their order.
json json_of_shares(const BlockAttention& block, int64_t kept) {
    const int64_t heads = block.heads(), N = block.map->tokens;
    const auto weights = block.weights.span<float>();
    json list = json::array();
    for (int64_t head = 0; head < kept; ++head) {
        SharesAsBytes shares;
        for (int64_t window = 0; window < block.map->windows; ++window)
            for (int64_t query = 0; query < N; ++query)
                shares.add_row(weights.subspan(static_cast<size_t>(((window * heads + head) * N + query) * N),
                                               static_cast<size_t>(N)));
        list.push_back({{"largest", base64(shares.largest)}, {"parts", base64(shares.parts)}});
    }
    return list;
}

void add_blocks(json& page, const Explained& seen, const Room& room) {
    page["blocks"] = page["cuts"] = json::array();
    std::vector<WindowMap> cuts;
    size_t block = 0;
    for (size_t stage = 0; stage < seen.subject.config.depths.size(); ++stage)
        for (int64_t j = 0; j < seen.subject.config.depths[stage]; ++j, ++block) {
            const BlockAttention& one = seen.attention[block];
            const auto cut = std::find(cuts.begin(), cuts.end(), one.map) - cuts.begin();
            if (cut == static_cast<std::ptrdiff_t>(cuts.size())) {
                cuts.push_back(one.map);
                page["cuts"].push_back(json_of_cut(*one.map));
            }
            json tau = json::array();
            for (const double value : one.temperatures) tau.push_back(in_six_digits(value));
            page["blocks"].push_back({{"name", fmt::format("layers.{}.blocks.{}", stage, j)},
                                      {"stage", stage},
                                      {"cut", cut},
                                      {"heads", one.heads()},
                                      {"tau", tau},
                                      {"bias", json_of_bias(one)},
                                      {"shares", json_of_shares(one, room.heads[block])}});
        }
}

json json_of_node(const SeenNode& node, bool with_map) {
    const Shape& shape = node.entry.shape;
    json one{{"number", node.entry.number},
             {"name", node.entry.name},
             {"scope", node.entry.scope},
             {"shape", list_of(shape)},
             {"gradient", in_six_digits(node.gradient)},
             {"inputs", json::array()}};
    for (size_t i = 0; i < node.entry.inputs.size(); ++i) {
        const TapeEntry::Input& input = node.entry.inputs[i];
        json from{{"passed", in_six_digits(node.passed[i])}};
        if (input.node != TapeEntry::no_node) from["node"] = input.node;
        else if (input.is_leaf) from["leaf"] = input.leaf;
        else from["constant"] = list_of(input.shape);
        one["inputs"].push_back(from);
    }
    if (with_map && !node.lengths.empty())
        one["map"] = json_of_lengths(node.lengths, shape[1], shape[2], node.entry.name);
    return one;
}

std::vector<std::string> left_out(const Explained& seen, const Room& room, int64_t most_in_a_map) {
    std::vector<std::string> texts;
    const auto [rows, columns] = seen.subject.config.img_size;
    if (std::max(rows, columns) > most_shown_pixels)
        texts.push_back(fmt::format("The picture, {} x {} pixels, is drawn with at most {} a side.", rows, columns,
                                    most_shown_pixels));
    const Extent map = map_of_stage(seen.subject.config, 0);
    if (std::max(map.rows, map.columns) > most_shown_tokens)
        texts.push_back(
            fmt::format("Maps with more than {0} tokens a side are drawn with at most {0}, each the mean of "
                        "a square of them.",
                        most_shown_tokens));
    if (most_in_a_map > room.channels)
        texts.push_back(fmt::format("Of each layer's channels {} are drawn, those that vary most from place to place.",
                                    room.channels));
    if (!room.gradient_maps) texts.emplace_back("Gradients on the tape have their sizes alone, and no pictures.");
    std::string heads;
    for (size_t i = 0; i < seen.attention.size(); ++i)
        if (const int64_t all = seen.attention[i].heads(); room.heads[i] < all)
            heads += fmt::format("{}block {}: {} of {}", heads.empty() ? "" : ", ", i + 1, room.heads[i], all);
    if (!heads.empty()) texts.push_back(fmt::format("Attention is kept of the first heads alone ({}).", heads));
    return texts;
}

}  // namespace

Explained explained(const ExplainSubject& subject, const Parameters& parameters, const Tensor& input) {
    check(static_cast<int64_t>(subject.classes.size()) == subject.config.num_classes,
          "[explain] {} classes have names, the model knows {}", subject.classes.size(), subject.config.num_classes);
    return {subject, pixels_of(input, subject.normalisation), seen_pass(subject.config, parameters, input),
            attention_of(subject.config, parameters, input)};
}

Room whole_room(const Explained& seen) {
    Room room;
    for (const BlockAttention& block : seen.attention) room.heads.push_back(block.heads());
    return room;
}

json explanation_of(const Explained& seen, const Room& room) {
    const SwinConfig& config = seen.subject.config;
    json page{{"run", printable(seen.subject.run)},    {"model", printable(seen.subject.model)},
              {"picture", json_of_picture(seen)},      {"answer", json_of_answer(seen)},
              {"loss", in_six_digits(seen.pass.loss)}, {"patch", {config.patch_size.rows, config.patch_size.columns}}};
    add_layers(page, config);
    page["maps"] = json::array();
    int64_t most_in_a_map = 0;
    for (const auto& [layer, value] : seen.pass.maps) {
        page["maps"].push_back(json_of_map(layer, value, room.channels));
        most_in_a_map = std::max(most_in_a_map, value.shape()[-1]);
    }
    add_blocks(page, seen, room);
    page["tape"] = json::array();
    for (const SeenNode& node : seen.pass.nodes) page["tape"].push_back(json_of_node(node, room.gradient_maps));
    page["image_gradient"] = json_of_lengths(seen.pass.image_lengths, config.img_size.rows, config.img_size.columns,
                                             "the picture's gradient");
    page["left_out"] = left_out(seen, room, most_in_a_map);
    return page;
}

}  // namespace swingrad
