// Whole training steps, timed: forward (with the drop path of 0.1 that models have by default), cross entropy,
// backward, AdamW, on random images that lie in memory. On a GPU by its own clock: the host asks for all steps and
// waits once.
#include "core/allocator.h"
#include "core/blas.h"
#include "cuda/runtime.h"
#include "models/swin_v2.h"
#include "ops/ops.h"
#include "train/cli/commands.h"
#include "train/cli/model_flags.h"
#include "train/cli/random_batch.h"
#include "train/optim/flat_table.h"
#include "train/optim/optimiser.h"
#include "train/run/device.h"
#include "train/run/progress.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>

namespace swingrad {
namespace {

constexpr int warm_up_steps = 2;
constexpr double mib = 1024.0 * 1024.0;

struct BenchFlags {
    ModelChoice model;
    std::string precision = "f32", device = "cpu";
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
    double model_mb = 0;  // on a GPU, the most that was in use there

    double median() const { return (seconds[(seconds.size() - 1) / 2] + seconds[seconds.size() / 2]) / 2; }
    double best() const { return seconds.front(); }
};

// Everything a step needs; each call takes one.
class Step {
  public:
    Step(const BenchFlags& flags, const SwinConfig& config, Device device)
        : model_(config),
          parameters_(model_, dtype_of_precision(flags.precision), Random{}, device),
          optimiser_(make_adamw(parameters_, {.weight_decay = 0.05})) {
        const auto [images, labels] = random_batch(config, flags.batch_size);
        images_ = images.on(device);
        labels_ = labels.on(device);
        if (device != Device::cpu) control_ = control_of(learning_rate);
    }

    int64_t parameters() const { return parameters_.count(); }

    void operator()() {
        parameters_.clear_gradients();
        Tape tape;
        const Random random = Random{0, 3}.split(number_++);
        const Tensor logits =
            model_.forward(model_.as_input(images_), {.training = true, .random = random, .observe = {}});
        tape.backward(cross_entropy(logits, labels_));
        if (control_) optimiser_->step_by(control_->data());
        else optimiser_->step(learning_rate);
    }

  private:
    static constexpr double learning_rate = 1e-3;
    SwinV2 model_;
    Parameters parameters_;
    std::unique_ptr<Optimiser> optimiser_;
    Tensor images_, labels_;
    std::optional<DeviceStepControl> control_;
    uint64_t number_ = 0;
};

std::vector<double> seconds_on_cpu(Step& step, int64_t steps) {
    std::vector<double> seconds;
    for (int64_t i = 0; i < steps; ++i) {
        const auto start = std::chrono::steady_clock::now();
        step();
        seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return seconds;
}

std::vector<double> seconds_on_device(Step& step, int64_t steps) {
    std::vector<cuda::Event> ends(static_cast<size_t>(steps) + 1);
    ends[0].record(cuda::compute_stream());
    for (size_t i = 1; i < ends.size(); ++i) {
        step();
        ends[i].record(cuda::compute_stream());
    }
    std::vector<double> seconds;
    for (size_t i = 1; i < ends.size(); ++i) seconds.push_back(ends[i].ms_since(ends[i - 1]) / 1e3);
    return seconds;
}

Timing time_steps(const BenchFlags& flags, const SwinConfig& config) {
    const Device device = device_named(flags.device);
    const double held = resident_mb();
    if (device != Device::cpu) reset_peak(device);
    Step step(flags, config, device);
    for (int i = 0; i < warm_up_steps; ++i) step();
    Timing timing;
    timing.seconds = device == Device::cpu ? seconds_on_cpu(step, flags.steps) : seconds_on_device(step, flags.steps);
    std::sort(timing.seconds.begin(), timing.seconds.end());
    timing.parameters = step.parameters();
    timing.model_mb =
        device == Device::cpu ? peak_resident_mb() - held : static_cast<double>(memory_statistics(device).peak) / mib;
    return timing;
}

double rounded(double value) { return std::round(value * 10) / 10; }

int bench(const BenchFlags& flags) {
    check_names(flags.device, flags.precision);
    if (flags.batch_size < 1) fail_usage("--batch must be at least 1, got {}", flags.batch_size);
    if (flags.steps < 1) fail_usage("--steps must be at least 1, got {}", flags.steps);
    if (!blas().best.empty() && blas().kernels != blas().best)
        fmt::print(
            stderr,
            "swingrad bench: OpenBLAS uses its {} kernels, this processor can use {} (OPENBLAS_CORETYPE is {})\n",
            blas().kernels, blas().best,
            std::getenv("OPENBLAS_CORETYPE") ? std::getenv("OPENBLAS_CORETYPE") : "not set");

    const SwinConfig config = flags.model.config();
    const Timing timing = time_steps(flags, config);
    const auto images = static_cast<double>(flags.batch_size);
    if (flags.json) {
        const nlohmann::json line = {{"model", flags.model.text()},
                                     {"batch", flags.batch_size},
                                     {"precision", flags.precision},
                                     {"device", description_of(flags.device)},
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
    const bool on_cpu = flags.device == "cpu";
    const std::string by = on_cpu ? fmt::format("{} threads, OpenBLAS kernels {}", thread_count(), blas().kernels)
                                  : description_of(flags.device);
    fmt::print("{}, {} parameters, batch {}, {}, {}\n\n", flags.model.text(), grouped(timing.parameters),
               flags.batch_size, flags.precision, by);
    fmt::print("{:<24} {:>10} {:>10}\n", fmt::format("of {} steps", flags.steps), "median", "best");
    fmt::print("{:<24} {:>10.1f} {:>10.1f}\n", "ms a step", 1e3 * timing.median(), 1e3 * timing.best());
    fmt::print("{:<24} {:>10.1f} {:>10.1f}\n\n", "images/s", images / timing.median(), images / timing.best());
    if (on_cpu)
        fmt::print("memory at its peak {:.0f} MB, of which the model and its steps {:.0f} MB\n", peak_resident_mb(),
                   timing.model_mb);
    else fmt::print("device memory at its peak {:.0f} MB\n", timing.model_mb);
    return 0;
}

}  // namespace

RunCommand declare_bench(CLI::App& command) {
    auto flags = std::make_shared<BenchFlags>();
    add_flag(command, "--batch,--batch-size", flags->batch_size, "images a step");
    add_flag(command, "--steps", flags->steps, "steps to time, after two to warm up");
    add_flag(command, "--device", flags->device, device_help);
    add_flag(command, "--precision", flags->precision, precision_help);
    command.add_flag("--json", flags->json, "one JSON line instead of a table");
    add_threads_flag(command);
    flags->model.declare(command, "nano");
    command.footer(
        "Examples:\n"
        "  swingrad bench --model nano --batch 128\n"
        "  swingrad bench --model tiny --batch 128 --device cuda --precision bf16\n"
        "  swingrad bench --model tiny --batch 8 --steps 5 --threads 2 --json\n"
        "  swingrad bench --model nano --img-size 64 --window-size 8 --steps 5");
    return [flags] { return bench(*flags); };
}

}  // namespace swingrad
