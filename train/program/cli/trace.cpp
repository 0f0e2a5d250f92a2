#include "train/loop/trace.h"

#include "core/io/stored_tensors.h"
#include "core/io/suggest.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/trained_model.h"
#include "train/program/console/flags.h"

namespace swingrad {
namespace {

struct TraceFlags {
    std::filesystem::path checkpoint;
    TraceOptions options;
};

void check_usage(const TraceFlags& flags) {
    const auto& [checkpoint, options] = flags;
    if (checkpoint.empty() == options.weights.empty()) fail_usage("expected either --checkpoint or --weights");
    if (checkpoint.empty() && options.config.empty())
        fail_usage("--weights {} needs --config", options.weights.string());
    if (!checkpoint.empty() && !options.config.empty())
        fail_usage("--config {} goes with --weights; a checkpoint knows its model", options.config.string());
    if (options.precision != "f32" && options.precision != "f64")
        fail_usage("unknown --precision \"{}\": {}", options.precision, suggestion(options.precision, {"f32", "f64"}));
}

}  // namespace

RunCommand declare_trace(CLI::App& command) {
    auto flags = std::make_shared<TraceFlags>();
    TraceOptions& options = flags->options;
    add_flag(command, "--checkpoint", flags->checkpoint, "a run's folder, or a .safetensors file in one");
    add_flag(command, "--weights", options.weights,
             "safetensors with the parameters, names as evaluate takes them; needs --config");
    add_flag(command, "--config", options.config, "JSON: a run's config.json, or a model's arguments as below");
    add_flag(command, "--input", options.input, "safetensors with images and labels")->required();
    add_flag(command, "--output", options.output, "safetensors to write")->required();
    add_flag(command, "--precision", options.precision, "f32 | f64");
    add_flag(command, "--device", options.device, device_help);
    add_threads_flag(command);
    command.footer(
        "Runs one step of the model in evaluation and writes every activation and every gradient by name, to be\n"
        "compared with another implementation's.\n\n"
        "  --config   {\"architecture\": \"swinv2\" | \"swin\", \"num_classes\": K, \"model_args\": {...}}, names as "
        "in timm;\n"
        "             or the config.json of a folder as timm and transformers write it\n"
        "  --input    images: float32 [B, channels, H, W], normalised; labels: int64 [B], 0 to K - 1\n"
        "  --output   logits [B, K], loss [] (mean cross entropy), the output of each layer as [B, H, W, C] under its\n"
        "             name (patch_embed, layers.0.blocks.0, ..., norm), grad.PARAMETER, and grad.images like images\n\n"
        "Examples:\n"
        "  swingrad trace --checkpoint runs/first --input x.safetensors --output t.safetensors\n"
        "  swingrad trace --weights w.safetensors --config c.json --input x.safetensors --output t.safetensors\n"
        "  swingrad trace --device emulated --precision f64 --weights w.safetensors --config c.json \\\n"
        "      --input x.safetensors --output t.safetensors");
    return [flags] {
        check_usage(*flags);
        TraceOptions chosen = flags->options;
        choose_device(chosen.device);
        if (!flags->checkpoint.empty()) {
            chosen.config = folder_of_checkpoint(flags->checkpoint).config();
            const auto [run, weights] = run_of_checkpoint(flags->checkpoint);
            require_classifier(run.recipe, weights);
            chosen.weights = weights;
        }
        if (std::filesystem::exists(chosen.output)) {
            std::vector<std::filesystem::path> inputs{chosen.config};
            if (!flags->checkpoint.empty())
                for (const auto& file : files_of(folder_of_checkpoint(flags->checkpoint))) inputs.push_back(file);
            for (const auto& path : {chosen.input, chosen.weights})
                for (const auto& file : open_tensors(path).files) inputs.push_back(file);
            refuse_overwriting("--output", chosen.output, inputs);
        }
        trace(chosen);
        return 0;
    };
}

}  // namespace swingrad
