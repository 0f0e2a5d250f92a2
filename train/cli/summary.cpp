#include "models/swin_v2.h"
#include "train/cli/commands.h"
#include "train/cli/flags.h"
#include "train/run/progress.h"

#include <algorithm>

namespace swingrad {
namespace {

// Numbers in parameters whose name begins with `prefix`.
int64_t count_under(SwinV2& model, const std::string& prefix) {
    int64_t count = 0;
    for (const NamedParameter& one : model.parameters())
        if (one.name.starts_with(prefix)) count += one.parameter->shape.numel();
    return count;
}

std::string text(Extent extent) { return fmt::format("{} x {}", extent.rows, extent.columns); }

// A window is at most the map.
Extent window_of_stage(const SwinConfig& config, size_t stage) {
    const Extent map = map_of_stage(config, stage), window = config.window_size[stage];
    return {std::min(window.rows, map.rows), std::min(window.columns, map.columns)};
}

void print_table(SwinV2& model, const std::string& name) {
    const SwinConfig& config = model.config();
    fmt::print("{}: images {} x {}, patches {}, {} classes\n\n", name, text(config.img_size), config.in_chans,
               text(config.patch_size), config.num_classes);
    static constexpr char row[] = "{:<12} {:>6} {:>9} {:>6} {:>10} {:>9} {:>15}\n";
    fmt::print(row, "stage", "blocks", "channels", "heads", "map", "window", "parameters");
    fmt::print(row, "patch_embed", "", config.embed_dim, "", text(map_of_stage(config, 0)), "",
               grouped(count_under(model, "patch_embed.")));
    for (size_t i = 0; i < config.depths.size(); ++i) {
        const std::string stage = fmt::format("layers.{}", i);
        fmt::print(row, stage, config.depths[i], channels_of_stage(config, i), config.num_heads[i],
                   text(map_of_stage(config, i)), text(window_of_stage(config, i)),
                   grouped(count_under(model, stage + ".")));
    }
    const int64_t head = count_under(model, "norm.") + count_under(model, "head.");
    fmt::print(row, "norm, head", "", config.num_classes, "", "", "", grouped(head));
    const int64_t total = model.parameter_count();
    fmt::print("\nparameters {} ({})\n", grouped(total), total);
}

nlohmann::json as_json(SwinV2& model, const std::string& name) {
    return {{"model", name}, {"parameters", model.parameter_count()}, {"config", config_to_json(model.config())}};
}

}  // namespace

RunCommand declare_summary(CLI::App& command) {
    struct Flags {
        std::string model = "nano";
        bool json = false;
    };
    auto flags = std::make_shared<Flags>();
    std::string names;
    for (const std::string& name : config_names()) names += (names.empty() ? "" : ", ") + name;
    add_flag(command, "--model", flags->model, names);
    command.add_flag("--json", flags->json, "one JSON object instead of a table");
    command.footer(
        "Nothing is allocated: the largest models can be counted anywhere.\n\n"
        "Examples:\n"
        "  swingrad summary --model tiny\n"
        "  swingrad summary --model giant --json");
    return [flags] {
        SwinV2 model(as_usage([&] { return named_config(flags->model); }));
        if (flags->json) fmt::print("{}\n", as_json(model, flags->model).dump());
        else print_table(model, flags->model);
        return 0;
    };
}

}  // namespace swingrad
