// summary, tape, gradcheck and bench: looks at a model without training it.
#include "autograd/gradcheck.h"
#include "autograd/tape_text.h"
#include "core/io/file.h"
#include "core/io/text.h"
#include "ops/cost_log.h"
#include "train/loop/trainer.h"
#include "train/program/console/flags.h"
#include "train/program/console/progress.h"
#include "train/program/console/resident.h"
#include "train/program/own/own_commands.h"
#include "train/program/report/process.h"

#include <algorithm>
#include <chrono>
#include <map>

namespace swingrad {
namespace {

// One training step's forward pass and loss, recorded.
struct Recorded {
    std::unique_ptr<Module> model;
    Parameters parameters;
    Tape tape;
    CostLog costs;
    Batch batch;
    Tensor output, loss;

    Recorded(const Program& program, const SourceFlags& source, int64_t samples, Device device)
        : model(model_of(program)),
          parameters(*model, DType::float32, Random{}, device),
          batch(first_batch(*data_of(program, source).training, samples)) {
        model->train(Random{1, 2});
        output = (*model)(parameters.as_input(batch.inputs));
        loss = loss_of(program, program.recipe.label_smoothing)(output, parameters.as_input(batch.targets));
    }
};

// On meta: shapes and costs, without computing anything. A model that reads values, or brings constants of its own from
// the CPU, cannot be there, and is computed.
std::unique_ptr<Recorded> recorded_step(const Program& program, const SourceFlags& source, int64_t samples) {
    try {
        return std::make_unique<Recorded>(program, source, samples, Device::meta);
    } catch (const Error&) {
        return std::make_unique<Recorded>(program, source, samples, Device::cpu);  // throws what is wrong with it
    }
}

// ---- summary

// Of the model itself and all modules in it, each before its own.
std::vector<std::string> names_in_order(const Module& module) {
    std::vector<std::string> names{module.name()};
    for (const auto& [name, child] : module.children())
        for (std::string& one : names_in_order(*child)) names.push_back(std::move(one));
    return names;
}

int summary(const Program& program, const SourceFlags& source, int64_t samples) {
    const auto step = recorded_step(program, source, samples);
    const Recorded& recorded = *step;
    const std::vector<TapeEntry> entries = recorded.tape.entries();
    const TapeMemory memory = memory_of(entries, {recorded.parameters.values()});
    struct Layer {
        Shape output;
        size_t saved = 0;
        int64_t parameters = 0, flops = 0;
    };
    std::map<std::string, Layer> layers;
    for (size_t i = 0; i < entries.size(); ++i) {
        Layer& one = layers[entries[i].scope];
        one.output = entries[i].shape;
        one.saved += memory.added[i];
    }
    for (const auto& entry : recorded.parameters.entries()) {
        const size_t dot = entry.name.rfind('.');
        layers[dot == std::string::npos ? "" : entry.name.substr(0, dot)].parameters += entry.shape.numel();
    }
    for (const auto& [scope, multiply_adds] : recorded.costs.multiply_adds()) layers[scope].flops = 2 * multiply_adds;
    static constexpr char row[] = "{:<28} {:<22} {:>15} {:>10} {:>12}\n";
    fmt::print("{}, batch {}: {} -> {}\n\n", program.name, recorded.batch.inputs.shape()[0],
               recorded.batch.inputs.describe(), recorded.output.shape());
    fmt::print(row, "layer", "output", "parameters", "FLOPs", "saved");
    for (const std::string& name : names_in_order(*recorded.model)) {
        if (!layers.contains(name)) continue;
        const Layer& one = layers[name];
        fmt::print(row, name.empty() ? "(the model itself)" : name, one.output.rank() > 0 ? one.output.text() : "-",
                   grouped(one.parameters), count_text(one.flops), bytes_text(one.saved));
    }
    fmt::print("\nparameters {}, {} as float32\n", grouped(recorded.parameters.count()),
               bytes_text(static_cast<size_t>(recorded.parameters.count()) * 4));
    fmt::print("forward    {}FLOP: twice the multiply-adds of products and norms\n",
               count_text(2 * recorded.costs.total()));
    fmt::print("saved      {} for backward, beside the parameters\n", bytes_text(memory.total));
    return 0;
}

// ---- tape

int tape(const Program& program, const SourceFlags& source, int64_t samples, const std::filesystem::path& dot) {
    const auto step = recorded_step(program, source, samples);
    const Recorded& recorded = *step;
    const std::vector<TapeEntry> entries = recorded.tape.entries();
    const std::vector<Tensor> existing{recorded.parameters.values()};
    if (!dot.empty()) write_file_atomically(dot, tape_dot(entries, existing));
    fmt::print("{}, batch {}, float32: forward and loss of one training step\n\n{}", program.name,
               recorded.batch.inputs.shape()[0], tape_table(entries, existing));
    return 0;
}

// ---- gradcheck

// Of numbers; labels and the like stay what they are.
Tensor with_dtype(const Tensor& x, DType dtype) {
    const bool numbers = x.dtype() == DType::float64 || x.dtype() == DType::dual;
    return numbers && x.dtype() != dtype ? x.to(dtype) : x;
}

// The loss as a function of all parameters, in double, on a batch of training samples, in training: what is random is
// drawn alike in every call. Where the parameters are dual numbers, what else the model computes with becomes so.
int check_gradient(const Program& program, const SourceFlags& source, int64_t samples, int64_t directions,
                   const std::string& device, bool second_order) {
    const std::unique_ptr<Module> model = model_of(program);
    const Device where = choose_device(device);
    if (second_order && where != Device::cpu) fail_usage("--second-order computes on the CPU, not on {}", device);
    const Parameters parameters(*model, DType::float64, Random{1, 1}, where);
    const Batch batch = first_batch(*data_of(program, source).training, samples);
    const Tensor inputs = parameters.as_input(batch.inputs), targets = parameters.as_input(batch.targets);
    const Loss loss = loss_of(program, program.recipe.label_smoothing);
    const auto named = model->parameters();
    std::vector<Tensor> values;
    for (const auto& entry : parameters.entries()) values.push_back(entry.value);
    const Function function = [&](const std::vector<Tensor>& in) {
        const DType dtype = in[0].dtype();
        for (size_t i = 0; i < in.size(); ++i) named[i].parameter->value = in[i];
        for (const NamedBuffer& one : model->buffers()) one.buffer->value = with_dtype(one.buffer->value, dtype);
        model->train(Random{1, 2});
        return loss((*model)(with_dtype(inputs, dtype)), with_dtype(targets, dtype));
    };
    // A loss is a mean: its slope along a direction is small, and so must be what is allowed.
    GradcheckOptions options{
        .eps = 1e-5, .atol = 1e-8, .rtol = 1e-4, .device = where, .directions = directions, .mutate = {}};
    options.second_order = second_order;
    const GradcheckResult result = gradcheck(function, values, options, program.name);
    fmt::print(
        "{}: {}, {} parameters, batch {}, {} directions of each tensor: largest error {:.1e}, {:.1e} of the "
        "largest slope{}\n",
        program.name, result.ok ? "ok" : "FAILED", grouped(parameters.count()), inputs.shape()[0], directions,
        result.worst_error, result.worst_relative,
        result.near_kinks > 0 ? fmt::format(", {} near a kink", result.near_kinks) : "");
    if (second_order && result.ok)
        fmt::print(
            "by dual numbers: gradient {:.1e} of the slope's terms, H v {:.1e} of the largest, symmetry {:.1e}\n",
            result.dual.first, result.dual.second, result.dual.asymmetry);
    if (!result.ok) fmt::print("{}\n", result.report);
    return result.ok ? 0 : 1;
}

// ---- bench

int bench(const Program& program, const SourceFlags& source, const Recipe& recipe, int64_t steps) {
    validate(recipe);
    const std::unique_ptr<Module> model = model_of(program);
    const ProgramData data = data_of(program, source);
    Trainer trainer(recipe, *model, *data.training, program.loss);
    std::vector<double> seconds, losses;
    for (int64_t i = -2; i < steps; ++i) {  // two to warm up
        if (trainer.epoch_done()) trainer.begin_next_epoch();
        const auto start = std::chrono::steady_clock::now();
        trainer.step();
        trainer.settle();
        losses.push_back(trainer.last_loss());
        if (i >= 0) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(seconds.begin(), seconds.end());
    const double median = (seconds[(seconds.size() - 1) / 2] + seconds[seconds.size() / 2]) / 2;
    const auto samples = static_cast<double>(recipe.batch_size);
    fmt::print("{}\n", nlohmann::json{{"model", program.name},
                                      {"batch", recipe.batch_size},
                                      {"precision", recipe.precision},
                                      {"threads", thread_count()},
                                      {"steps", steps},
                                      {"parameters", trainer.parameters().count()},
                                      {"ms_per_step", 1e3 * median},
                                      {"samples_per_s", samples / median},
                                      {"best_samples_per_s", samples / seconds.front()},
                                      {"peak_mb", peak_resident_mb()},
                                      {"losses", losses}}
                           .dump());
    return 0;
}

struct LookFlags {
    SourceFlags source;
    int64_t samples;

    LookFlags(const Program& program, CLI::App& command, int64_t samples_at_first)
        : source{program.source}, samples(samples_at_first) {
        source.declare(command);
        add_flag(command, "--batch,--batch-size", samples, "samples in the step");
        add_threads_flag(command);
    }
    LookFlags(const LookFlags&) = delete;  // flags are held by address
    void check() const { require(samples >= 1 && samples <= most_batch, "batch", "1 to 1000000", samples); }
};

}  // namespace

RunCommand declare_own_summary(const Program& program, CLI::App& command) {
    auto flags = std::make_shared<LookFlags>(program, command, 2);
    command.footer(
        "One training step's forward pass is recorded without computing it: a model of any size takes no memory. A\n"
        "layer has a line of its own where it is called as layer(x), not layer.forward(x). A fused operation uses the\n"
        "parameters of layers that it does not call. FLOPs are twice the multiply-adds of products (linear layers,\n"
        "convolutions, attention) and of one for each element that a norm puts out.");
    return [&program, flags] {
        flags->check();
        return summary(program, flags->source, flags->samples);
    };
}

RunCommand declare_own_tape(const Program& program, CLI::App& command) {
    auto flags = std::make_shared<LookFlags>(program, command, 2);
    auto dot = std::make_shared<std::filesystem::path>();
    add_flag(command, "--dot", *dot, "write the graph to this file, in the language of Graphviz");
    return [&program, flags, dot] {
        flags->check();
        return tape(program, flags->source, flags->samples, *dot);
    };
}

RunCommand declare_own_gradcheck(const Program& program, CLI::App& command) {
    auto flags = std::make_shared<LookFlags>(program, command, 2);
    auto directions = std::make_shared<int64_t>(3);
    auto device = std::make_shared<std::string>("cpu");
    auto second_order = std::make_shared<bool>(false);
    add_flag(command, "--directions", *directions, "random directions of each parameter tensor");
    add_flag(command, "--device", *device, device_help);
    command.add_flag("--second-order", *second_order, "also by dual numbers: the gradient, and second derivatives");
    return [&program, flags, directions, device, second_order] {
        flags->check();
        require(*directions >= 1 && *directions <= most_steps, "directions", "1 to 1000000", *directions);
        return check_gradient(program, flags->source, flags->samples, *directions, *device, *second_order);
    };
}

RunCommand declare_own_bench(const Program& program, CLI::App& command) {
    struct Flags {
        SourceFlags source;
        Recipe recipe;
        int64_t steps = 20;
    };
    auto flags = std::make_shared<Flags>();
    flags->source.source = program.source;
    flags->recipe = program.recipe;
    flags->source.declare(command);
    add_setting_flags(command, settings_of(flags->recipe));
    add_flag(command, "--steps", flags->steps, "steps to time, after two to warm up");
    add_threads_flag(command);
    command.footer(
        "One JSON line, with the losses from the first step on. A step is what a training does: a batch, forward,\n"
        "backward, update.");
    return [&program, flags] {
        require(flags->steps >= 1 && flags->steps <= most_steps, "steps", "1 to 1000000", flags->steps);
        return bench(program, flags->source, flags->recipe, flags->steps);
    };
}

}  // namespace swingrad
