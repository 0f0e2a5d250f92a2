#include "train/loop/trace.h"

#include "core/io/suggest.h"
#include "train/program/cli/commands.h"
#include "train/program/console/flags.h"

namespace swingrad {

RunCommand declare_trace(CLI::App& command) {
    auto options = std::make_shared<TraceOptions>();
    add_flag(command, "--weights", options->weights, "safetensors with the parameters; names as evaluate takes them")
        ->required();
    add_flag(command, "--config", options->config, "JSON with the model's arguments, named as in timm")->required();
    add_flag(command, "--input", options->input, "safetensors with the images and what goes with them")->required();
    add_flag(command, "--output", options->output, "safetensors to write")->required();
    add_flag(command, "--precision", options->precision, "f32 | f64");
    add_flag(command, "--device", options->device, device_help);
    add_threads_flag(command);
    command.footer(
        "Runs one step and writes every activation and every gradient by name, to be compared with another\n"
        "implementation's.\n\n"
        "Examples:\n"
        "  swingrad trace --weights w.safetensors --config c.json --input x.safetensors --output t.safetensors\n"
        "  swingrad trace --device emulated --precision f64 --weights w.safetensors --config c.json \\\n"
        "      --input x.safetensors --output t.safetensors");
    return [options] {
        if (options->precision != "f32" && options->precision != "f64")
            fail_usage("unknown --precision \"{}\": {}", options->precision,
                       suggestion(options->precision, {"f32", "f64"}));
        choose_device(options->device);
        trace(*options);
        return 0;
    };
}

}  // namespace swingrad
