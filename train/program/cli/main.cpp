// swingrad: one program, a command for each thing one does with a model.
#include "core/instruction_set/instruction_set.h"
#include "cuda/runtime/runtime.h"
#include "train/program/cli/commands.h"
#include "train/program/console/terminate.h"
#include "train/program/ranks/mpi_ranks.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <new>

using namespace swingrad;

namespace {

const std::vector<Command> commands{
    {"train", "Train a model, or go on with a run", declare_train},
    {"evaluate", "Accuracy and loss of a trained model on test images", declare_evaluate},
    {"predict", "What a trained model sees in image files", declare_predict},
    {"explain", "A page that follows a picture through a trained model, layer by layer", declare_explain},
    {"features", "What a trained model makes of pictures before its classifier, into a file", declare_features},
    {"convert", "A run or a file of weights as a folder that timm or transformers reads", declare_convert},
    {"verify", "Whether a run's folder is whole, and what can be done where it is not", declare_verify},
    {"summary", "A model layer by layer: shapes, parameters, FLOPs, memory", declare_summary},
    {"tape", "What a training step records, as a table or a graph", declare_tape},
    {"gradcheck", "Prove gradients against finite differences", declare_gradcheck},
    {"bench", "Speed and memory of training steps", declare_bench},
    {"kernels", "What the kernels of a training step cost: launches, memory, registers; no GPU needed",
     declare_kernels},
    {"plan", "What a training would need: memory, time, and how they scale", declare_plan},
    {"trace", "Write every activation and gradient of one step to a file", declare_trace},
    {"plot", "Curves of one run, or of several over each other", declare_plot},
    {"compare", "Several runs on one page: curves, settings that differ, results", declare_compare},
    {"experiment", "The paper's claims: a table beside its numbers, figures, a page", declare_experiment},
};

std::string version() {
    const std::string why_not = cuda::why_unavailable();
    return fmt::format("swingrad {}, fast paths for {}, kernels {}", SWINGRAD_VERSION, instruction_set(),
                       cuda::emulated()  ? cuda::description()
                       : why_not.empty() ? "for " + cuda::description()
                                         : "for a GPU, but " + why_not);
}

}  // namespace

// Called before anything is made at start, here or in a library, and may find no memory for it.
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_all)() = tell_of_no_memory;

int main(int argc, char** argv) try {
    std::signal(SIGXFSZ, SIG_IGN);  // a file over the size limit shall be a failed write, not the end
    share_cores();
    CLI::App app{"swingrad: Swin Transformer V2 from scratch, to read, to trust and to train.", "swingrad"};
    app.set_version_flag("--version", version);
    app.footer(
        "Examples:\n"
        "  swingrad train --epochs 5                    the smallest model on pictures drawn by the program\n"
        "  swingrad predict --checkpoint runs/nano-shapes-seed0 photo.jpg\n"
        "  swingrad summary --model tiny\n"
        "  swingrad COMMAND --help                      flags and examples of a command");
    return run_commands(app, commands, argc, argv);
} catch (const std::bad_alloc&) {
    std::fputs("swingrad: out of memory\n", stderr);
    return 1;
}
