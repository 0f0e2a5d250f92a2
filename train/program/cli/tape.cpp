// One training step, forward and loss, and what its tape holds.
#include "autograd/tape_text.h"
#include "core/io/text.h"
#include "models/nn/parameters.h"
#include "models/swin/swin_v2.h"
#include "train/data/random_batch.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/model_flags.h"
#include "train/program/console/output.h"
#include "train/program/report/process.h"

namespace swingrad {
namespace {

namespace fs = std::filesystem;

struct TapeFlags {
    ModelChoice model;
    int64_t batch = 2;
    fs::path dot, svg;
};

void write_svg(const fs::path& svg, const std::string& graph) {
    try {
        write_output(svg, output_of({"dot", "-Tsvg"}, graph, std::chrono::minutes(10)));
    } catch (const NotInstalled&) {
        fail("--svg {} needs the program dot: install graphviz, or write the graph with --dot", svg.string());
    }
}

int tape(const TapeFlags& flags) {
    const SwinConfig config = flags.model.config();
    SwinV2 model(config);
    const Parameters parameters(model, DType::float32, Random{});
    const RandomBatch batch = random_batch(config, flags.batch);
    Tape recorded;
    const Tensor logits = model.forward(batch.images, {.training = true, .random = Random{0, 3}});
    const Tensor loss = cross_entropy(logits, batch.labels);

    const std::vector<TapeEntry> entries = recorded.entries();
    const std::vector<Tensor> existing{parameters.values()};
    if (!flags.dot.empty()) write_output(flags.dot, tape_dot(entries, existing));
    if (!flags.svg.empty()) write_svg(flags.svg, tape_dot(entries, existing));
    if (is_standard_output(flags.dot) || is_standard_output(flags.svg))
        return 0;  // whoever reads it wants the graph alone
    fmt::print("{}, batch {}, float32: forward and loss of one training step\n\n{}", flags.model.text(), flags.batch,
               tape_table(entries, existing));
    fmt::print("parameters take {}, and their gradients as much\n", bytes_text(parameters.values().bytes()));
    return 0;
}

}  // namespace

RunCommand declare_tape(CLI::App& command) {
    auto flags = std::make_shared<TapeFlags>();
    add_flag(command, "--batch,--batch-size", flags->batch, "random images in the step");
    add_flag(command, "--dot", flags->dot, "write the graph to this file, in the language of Graphviz");
    add_flag(command, "--svg", flags->svg, "draw the graph to this file; needs Graphviz' program dot");
    add_threads_flag(command);
    flags->model.declare(command, "nano");
    command.footer(
        "A line an operation: what it puts out, the bytes it keeps for backward that nothing before it keeps, their\n"
        "sum so far, the names of what it keeps, and where its inputs come from: #N is the result of operation N.\n\n"
        "Examples:\n"
        "  swingrad tape --model nano --batch 2\n"
        "  swingrad tape --model nano --svg tape.svg\n"
        "  swingrad tape --depths 1,1 --dot tape.dot");
    return [flags] {
        require(flags->batch >= 1 && flags->batch <= most_batch, "batch", "1 to 1000000", flags->batch);
        refuse_overwriting("--dot", flags->dot, {flags->model.file(), flags->svg});
        refuse_overwriting("--svg", flags->svg, {flags->model.file()});
        if (!flags->dot.empty() && flags->dot == flags->svg)
            fail_usage("--dot and --svg both name {}", flags->dot.string());
        return tape(*flags);
    };
}

}  // namespace swingrad
