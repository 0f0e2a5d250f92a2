#include "core/io/text.h"
#include "models/swin/costs.h"
#include "models/swin/swin_v2.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/model_flags.h"
#include "train/program/console/progress.h"

namespace swingrad {
namespace {

struct SummaryFlags {
    ModelChoice model;
    int64_t batch = 1;
    bool stages = false, json = false;
};

std::string text(Extent extent) { return fmt::format("{} x {}", extent.rows, extent.columns); }

std::string saved_text(const LayerCost& cost) { return bytes_text(static_cast<size_t>(cost.saved_bytes)); }

void print_layers(const std::vector<LayerCost>& layers) {
    static constexpr char row[] = "{:<28} {:<22} {:>15} {:>10} {:>12}\n";
    fmt::print(row, "layer", "output", "parameters", "FLOPs", "saved");
    for (const LayerCost& layer : layers)
        fmt::print(row, layer.name, layer.output.rank() > 0 ? layer.output.text() : "scalar", grouped(layer.parameters),
                   count_text(layer.flops()), saved_text(layer));
    fmt::print("\n");
}

// The sum of the layers whose names begin with one of `prefixes`.
LayerCost cost_under(const std::vector<LayerCost>& layers, const std::vector<std::string>& prefixes) {
    std::vector<LayerCost> chosen;
    for (const LayerCost& layer : layers)
        for (const std::string& prefix : prefixes)
            if (layer.name.starts_with(prefix)) chosen.push_back(layer);
    return total_cost(chosen);
}

void print_stages(const SwinConfig& config, const std::vector<LayerCost>& layers) {
    static constexpr char row[] = "{:<12} {:>6} {:>8} {:>5} {:>9} {:>7} {:>15} {:>10} {:>12}\n";
    fmt::print(row, "stage", "blocks", "channels", "heads", "map", "window", "parameters", "FLOPs", "saved");
    const auto costs = [&](const LayerCost& cost) {
        return std::array{grouped(cost.parameters), count_text(cost.flops()), saved_text(cost)};
    };
    const auto stem = costs(cost_under(layers, {"patch_embed"}));
    fmt::print(row, "patch_embed", "", config.embed_dim, "", text(map_of_stage(config, 0)), "", stem[0], stem[1],
               stem[2]);
    for (size_t i = 0; i < config.depths.size(); ++i) {
        const std::string stage = fmt::format("layers.{}", i);
        const auto cost = costs(cost_under(layers, {stage + "."}));
        fmt::print(row, stage, config.depths[i], channels_of_stage(config, i), config.num_heads[i],
                   text(map_of_stage(config, i)), text(window_of_stage(config, i)), cost[0], cost[1], cost[2]);
    }
    const auto head = costs(cost_under(layers, {"norm", "head", "loss"}));
    fmt::print(row, "norm, head", "", config.num_classes, "", "", "", head[0], head[1], head[2]);
}

void print_tables(const SummaryFlags& flags, const SwinConfig& config, const std::vector<LayerCost>& layers) {
    fmt::print("{}\nimages {} x {}, patches {}, {} classes; batch {}, float32\n\n", flags.model.text(),
               text(config.img_size), config.in_chans, text(config.patch_size), config.num_classes, flags.batch);
    if (!flags.stages) print_layers(layers);
    print_stages(config, layers);
    const LayerCost total = total_cost(layers);
    fmt::print("\nparameters {} ({}), {} as float32\n", grouped(total.parameters), total.parameters,
               bytes_text(static_cast<size_t>(total.parameters) * 4));
    fmt::print("forward    {}FLOP: twice the multiply-adds of products and norms\n", count_text(total.flops()));
    fmt::print("saved      {} for backward, beside the parameters\n", saved_text(total));
}

nlohmann::json as_json(const SummaryFlags& flags, const SwinConfig& config, const std::vector<LayerCost>& layers) {
    const auto costs = [](const LayerCost& cost) {
        return nlohmann::json{
            {"parameters", cost.parameters}, {"flops", cost.flops()}, {"saved_bytes", cost.saved_bytes}};
    };
    nlohmann::json all = costs(total_cost(layers)), list = nlohmann::json::array();
    for (const LayerCost& layer : layers) {
        list.push_back(costs(layer));
        list.back()["name"] = layer.name;
        list.back()["output"] = std::vector<int64_t>(layer.output.begin(), layer.output.end());
    }
    all.update(
        {{"model", flags.model.text()}, {"batch", flags.batch}, {"layers", list}, {"config", config_to_json(config)}});
    return all;
}

}  // namespace

RunCommand declare_summary(CLI::App& command) {
    auto flags = std::make_shared<SummaryFlags>();
    add_flag(command, "--batch,--batch-size", flags->batch, "images a step");
    command.add_flag("--stages", flags->stages, "the table of stages alone");
    command.add_flag("--json", flags->json, "one JSON object instead of tables");
    flags->model.declare(command, "nano");
    command.footer(
        "FLOPs are those of one forward pass: twice the multiply-adds of linear layers, patches and both products of\n"
        "attention, and of one for each element that a norm puts out. Saved is what the tape keeps for backward\n"
        "beside the parameters, each tensor at the first layer that keeps it. Nothing is allocated: the largest\n"
        "models can be counted anywhere.\n\n"
        "Examples:\n"
        "  swingrad summary --model tiny\n"
        "  swingrad summary --model giant --batch 64 --stages\n"
        "  swingrad summary --model tiny --window-size 16 --img-size 384 --json");
    return [flags] {
        require(flags->batch >= 1 && flags->batch <= most_batch, "batch", "1 to 1000000", flags->batch);
        const SwinConfig config = flags->model.config();
        const std::vector<LayerCost> layers = layer_costs(config, flags->batch);
        if (flags->json) fmt::print("{}\n", as_json(*flags, config, layers).dump());
        else print_tables(*flags, config, layers);
        return 0;
    };
}

}  // namespace swingrad
