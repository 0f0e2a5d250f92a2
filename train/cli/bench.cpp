// Whole training steps, timed: forward (with the drop path of 0.1 that models have by default), cross entropy,
// backward, AdamW, on random images that lie in memory.
#include "core/blas.h"
#include "core/suggest.h"
#include "models/swin_v2.h"
#include "ops/ops.h"
#include "train/cli/commands.h"
#include "train/cli/model_flags.h"
#include "train/cli/random_batch.h"
#include "train/optim/optimiser.h"
#include "train/run/progress.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>

namespace swingrad {
namespace {

constexpr int warm_up_steps = 2;
constexpr double mib = 1024.0 * 1024.0;

struct BenchFlags {
    ModelChoice model;
    std::string precision = "f32";
    int64_t batch_size = 128, steps = 10;
    bool json = false;
};

// Memory of this process in MiB: now, and the most so far.
double resident_mb() {
    std::ifstream statm("/proc/self/statm");
    double total = 0, resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(getpagesize()) / mib;
}
double peak_resident_mb() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024.0;  // given in KiB
}

struct Timing {
    std::vector<double> seconds;  // of each step, sorted
    int64_t parameters = 0;
    double model_mb = 0;

    double median() const { return (seconds[(seconds.size() - 1) / 2] + seconds[seconds.size() / 2]) / 2; }
    double best() const { return seconds.front(); }
};

Timing time_steps(const SwinConfig& config, int64_t batch_size, int64_t steps) {
    const double held = resident_mb();
    SwinV2 model(config);
    const Parameters parameters(model, DType::float32, Random{});
    const auto optimiser = make_adamw(parameters, {.weight_decay = 0.05});
    const auto [images, labels] = random_batch(config, batch_size);

    Timing timing;
    for (int64_t step = 0; step < warm_up_steps + steps; ++step) {
        const auto start = std::chrono::steady_clock::now();
        parameters.clear_gradients();
        Tape tape;
        const Random random = Random{0, 3}.split(static_cast<uint64_t>(step));
        const Tensor loss =
            cross_entropy(model.forward(images, {.training = true, .random = random, .observe = {}}), labels);
        tape.backward(loss);
        optimiser->step(1e-3);
        if (step >= warm_up_steps)
            timing.seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(timing.seconds.begin(), timing.seconds.end());
    timing.parameters = parameters.count();
    timing.model_mb = peak_resident_mb() - held;
    return timing;
}

double rounded(double value) { return std::round(value * 10) / 10; }

int bench(const BenchFlags& flags) {
    if (flags.precision == "bf16") fail_usage("bf16 is not yet available");
    if (flags.precision != "f32")
        fail_usage("unknown --precision \"{}\": {}", flags.precision, suggestion(flags.precision, {"f32", "bf16"}));
    if (flags.batch_size < 1) fail_usage("--batch must be at least 1, got {}", flags.batch_size);
    if (flags.steps < 1) fail_usage("--steps must be at least 1, got {}", flags.steps);
    if (!blas().best.empty() && blas().kernels != blas().best)
        fmt::print(
            stderr,
            "swingrad bench: OpenBLAS uses its {} kernels, this processor can use {} (OPENBLAS_CORETYPE is {})\n",
            blas().kernels, blas().best,
            std::getenv("OPENBLAS_CORETYPE") ? std::getenv("OPENBLAS_CORETYPE") : "not set");

    const SwinConfig config = flags.model.config();
    const Timing timing = time_steps(config, flags.batch_size, flags.steps);
    const auto images = static_cast<double>(flags.batch_size);
    if (flags.json) {
        const nlohmann::json line = {{"model", flags.model.text()},
                                     {"batch", flags.batch_size},
                                     {"precision", flags.precision},
                                     {"steps", flags.steps},
                                     {"threads", thread_count()},
                                     {"blas", blas().kernels},
                                     {"parameters", timing.parameters},
                                     {"ms_per_step", rounded(1e3 * timing.median())},
                                     {"images_per_s", rounded(images / timing.median())},
                                     {"best_images_per_s", rounded(images / timing.best())},
                                     {"peak_mb", rounded(peak_resident_mb())},
                                     {"model_mb", rounded(timing.model_mb)}};
        fmt::print("{}\n", line.dump());
        return 0;
    }
    fmt::print("{}, {} parameters, batch {}, {}, {} threads, OpenBLAS kernels {}\n\n", flags.model.text(),
               grouped(timing.parameters), flags.batch_size, flags.precision, thread_count(), blas().kernels);
    fmt::print("{:<24} {:>10} {:>10}\n", fmt::format("of {} steps", flags.steps), "median", "best");
    fmt::print("{:<24} {:>10.1f} {:>10.1f}\n", "ms a step", 1e3 * timing.median(), 1e3 * timing.best());
    fmt::print("{:<24} {:>10.1f} {:>10.1f}\n\n", "images/s", images / timing.median(), images / timing.best());
    fmt::print("memory at its peak {:.0f} MB, of which the model and its steps {:.0f} MB\n", peak_resident_mb(),
               timing.model_mb);
    return 0;
}

}  // namespace

RunCommand declare_bench(CLI::App& command) {
    auto flags = std::make_shared<BenchFlags>();
    add_flag(command, "--batch,--batch-size", flags->batch_size, "images a step");
    add_flag(command, "--steps", flags->steps, "steps to time, after two to warm up");
    add_flag(command, "--precision", flags->precision, "f32 (bf16: not yet)");
    command.add_flag("--json", flags->json, "one JSON line instead of a table");
    add_threads_flag(command);
    flags->model.declare(command, "nano");
    command.footer(
        "Examples:\n"
        "  swingrad bench --model nano --batch 128\n"
        "  swingrad bench --model tiny --batch 8 --steps 5 --threads 2 --json\n"
        "  swingrad bench --model nano --img-size 64 --window-size 8 --steps 5");
    return [flags] { return bench(*flags); };
}

}  // namespace swingrad
