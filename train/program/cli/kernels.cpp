// One training step on the emulated device, and what its kernels cost.
#include "cuda/runtime/runtime.h"
#include "train/loop/device.h"
#include "train/program/cli/bench_step.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/model_flags.h"
#include "train/program/kernels/checked_library.h"
#include "train/program/kernels/compiled_kernels.h"
#include "train/program/kernels/step_bound.h"

namespace swingrad {
namespace {

struct KernelsFlags {
    ModelChoice model;
    std::string precision = "bf16", gpu = "h200";
    int64_t batch_size = 8;
    std::filesystem::path objects;
    bool json = false;
};

// The second step is captured; what comes after is that graph launched again, as in any longer training.
cuda::DeviceCounts counts_of_step(const KernelsFlags& flags, const SwinConfig& config) {
    BenchStep step(config, dtype_of_precision(flags.precision), choose_device("emulated"), flags.batch_size, 1, false);
    for (int i = 0; i < 2; ++i) step();
    const cuda::CountDevice counting;
    step();
    cuda::synchronise(cuda::compute_stream());
    return counting.counts();
}

int kernels(const KernelsFlags& flags) {
    check_names("emulated", flags.precision);
    require(flags.batch_size >= 1 && flags.batch_size <= most_batch, "batch", "1 to 1000000", flags.batch_size);
    const Gpu& gpu = gpu_named(flags.gpu);
    choose_device("emulated");                                 // or one line that says why not
    if (!cuda::counts_accesses()) run_with_checked_library();  // before anything is read
    const SwinConfig config = flags.model.config();
    std::vector<KernelResources> compiled;
    if (!flags.objects.empty()) compiled = compiled_kernels(flags.objects);
    const StepBound bound = bound_of(counts_of_step(flags, config), compiled, gpu);
    if (flags.json) {
        nlohmann::json line = as_json(bound, gpu);
        line.update({{"model", flags.model.text()},
                     {"batch", flags.batch_size},
                     {"precision", flags.precision},
                     {"accesses_counted", cuda::counts_accesses()}});
        fmt::print("{}\n", line.dump());
        return 0;
    }
    fmt::print("{}, batch {}, {}: one training step, counted in the emulator\n\n{}", flags.model.text(),
               flags.batch_size, flags.precision, text_of(bound, gpu));
    if (!cuda::counts_accesses())
        fmt::print("memory is not counted: that takes the access checker's library, which is built with the tests\n");
    return 0;
}

}  // namespace

RunCommand declare_kernels(CLI::App& command) {
    auto flags = std::make_shared<KernelsFlags>();
    add_flag(command, "--batch,--batch-size", flags->batch_size, "images in the step");
    add_flag(command, "--precision", flags->precision, precision_help);
    add_flag(command, "--gpu", flags->gpu, "a100 | h100 | h200, for which time is predicted");
    add_flag(command, "--objects", flags->objects,
             "library that nvcc made, for registers and occupancy: read by cuobjdump");
    command.add_flag("--json", flags->json, "one JSON line instead of a table");
    add_threads_flag(command);
    flags->model.declare(command, "nano");
    command.footer(
        "A line a kernel, summed over its launches. read, written: device memory by sectors of 32 bytes, each once a\n"
        "launch. rereads: how often such a sector is asked for. sectors, threads: of a warp's load or store, on "
        "average:\n"
        "4 sectors for 32 threads that read 4 bytes each side by side. passes: what bank conflicts multiply accesses "
        "to\n"
        "shared memory by. regs, occ.: registers a thread (s: some of its variables lie in memory) and the share of a\n"
        "processor's threads that fit, of --objects. us: bytes by the GPU's rate of memory, predicted.\n\n"
        "Examples:\n"
        "  swingrad kernels --model nano --batch 2\n"
        "  swingrad kernels --model cifar --batch 1 --precision f32 --gpu a100 --json\n"
        "  swingrad kernels --objects build-nvcc/libswingrad_cuda.so");
    return [flags] { return kernels(*flags); };
}

}  // namespace swingrad
