// Whole training steps, or forward passes, timed: forward (with the drop path of 0.1 that models have by default),
// cross entropy, backward, AdamW, on random images that lie in memory. On a GPU by its own clock: the host asks for all
// steps and waits once. On the CPU a few more steps are watched afterwards, to say where the time goes and what the
// matrix products alone would need.
#include "core/allocator.h"
#include "core/gemm/engine.h"
#include "core/gemm/product_kernels.h"
#include "core/instruction_set/instruction_set.h"
#include "cuda/runtime/runtime.h"
#include "train/loop/device.h"
#include "train/program/cli/bench_costs.h"
#include "train/program/cli/bench_step.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/model_flags.h"
#include "train/program/console/output.h"
#include "train/program/console/progress.h"
#include "train/program/console/resident.h"

#include <algorithm>
#include <chrono>

namespace swingrad {
namespace {

constexpr int warm_up_steps = 2;
constexpr double mib = 1024.0 * 1024.0;

struct BenchFlags {
    ModelChoice model;
    std::string precision = "f32", device = "cpu";
    int64_t batch_size = 128, steps = 10, micro_batches = 0;

    int64_t parts() const {
        Recipe recipe;
        recipe.batch_size = batch_size;
        recipe.device = device;
        recipe.micro_batches = micro_batches;
        validate(recipe);
        return micro_batches_of(recipe, false);
    }
    bool inference = false, json = false;
};

struct Timing {
    std::vector<double> seconds;  // of each step, sorted
    int64_t parameters = 0;
    std::vector<double> own_seconds;   // where OpenBLAS computes: of steps by our own products between those, sorted
    double peak_mb = 0, model_mb = 0;  // model_mb on a GPU: the most that was in use there

    static double median_of(const std::vector<double>& sorted) {
        return (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2;
    }
    double median() const { return median_of(seconds); }
    double best() const { return seconds.front(); }
};

double seconds_of(BenchStep& step) {
    const auto start = std::chrono::steady_clock::now();
    step();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void time_on_cpu(BenchStep& step, int64_t steps, Timing& timing) {
    const GemmEngine engine = gemm_engine();
    for (int64_t i = 0; i < steps; ++i) {
        timing.seconds.push_back(seconds_of(step));
        if (engine == GemmEngine::own) continue;
        use_gemm_engine(GemmEngine::own);
        timing.own_seconds.push_back(seconds_of(step));
        use_gemm_engine(engine);
    }
}

std::vector<double> seconds_on_device(BenchStep& step, int64_t steps) {
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

Timing time_steps(const BenchFlags& flags, BenchStep& step, Device device, double held) {
    for (int i = 0; i < warm_up_steps; ++i) step();
    Timing timing;
    if (device == Device::cpu) time_on_cpu(step, flags.steps, timing);
    else timing.seconds = seconds_on_device(step, flags.steps);
    std::sort(timing.seconds.begin(), timing.seconds.end());
    std::sort(timing.own_seconds.begin(), timing.own_seconds.end());
    timing.parameters = step.parameters();
    timing.peak_mb = peak_resident_mb();
    timing.model_mb =
        device == Device::cpu ? timing.peak_mb - held : static_cast<double>(memory_statistics(device).peak) / mib;
    return timing;
}

int bench(const BenchFlags& flags) {
    check_names(flags.device, flags.precision);
    require(flags.batch_size >= 1 && flags.batch_size <= most_batch, "batch", "1 to 1000000", flags.batch_size);
    require(flags.steps >= 1 && flags.steps <= most_steps, "steps", "1 to 1000000", flags.steps);
    const DType dtype = dtype_of_precision(flags.precision);
    if (gemm_engine() == GemmEngine::openblas && (flags.device != "cpu" || dtype == DType::bfloat16))
        fail_usage("--gemm openblas multiplies float32 and float64 by --device cpu, got --precision {}, --device {}",
                   flags.precision, flags.device);
    if (flags.device == "cpu" && dtype == DType::bfloat16 && !multiplies_bfloat16())
        complain("swingrad bench: this processor multiplies no bfloat16: products widen it and take float32's time\n");

    const SwinConfig config = flags.model.config();
    const Device device = choose_device(flags.device);
    const double held = resident_mb();
    if (device != Device::cpu) reset_peak(device);
    BenchStep step(config, dtype, device, flags.batch_size, flags.inference ? 1 : flags.parts(), flags.inference);
    const Timing timing = time_steps(flags, step, device, held);
    const bool watch = device == Device::cpu && !flags.inference;
    StepCosts costs;
    if (watch) costs = watched_steps([&](StepProfile& profile) { step(&profile); });
    const auto images = static_cast<double>(flags.batch_size);
    if (flags.json) {
        nlohmann::json line = {{"model", flags.model.text()},
                               {"batch", flags.batch_size},
                               {"micro_batches", flags.inference ? 1 : flags.parts()},
                               {"precision", flags.precision},
                               {"device", description_of(flags.device)},
                               {"inference", flags.inference},
                               {"steps", flags.steps},
                               {"threads", thread_count()},
                               {"instruction_set", instruction_set()},
                               {"gemm", name_of(gemm_engine())},
                               {"kernels", product_kernel(dtype)},
                               {"parameters", timing.parameters},
                               {"ms_per_step", rounded(1e3 * timing.median())},
                               {"images_per_s", rounded(images / timing.median())},
                               {"best_images_per_s", rounded(images / timing.best())},
                               {"peak_mb", rounded(timing.peak_mb)},
                               {"model_mb", rounded(timing.model_mb)}};
        if (!timing.own_seconds.empty())
            line["own_images_per_s"] = rounded(images / Timing::median_of(timing.own_seconds));
        if (watch) add_costs(line, costs, timing.median(), images);
        fmt::print("{}\n", line.dump());
        return 0;
    }
    const bool on_cpu = flags.device == "cpu";
    const std::string by = on_cpu ? fmt::format("{} threads, products by {}", thread_count(), product_kernel(dtype))
                                  : description_of(flags.device);
    fmt::print("{}, {} parameters, {}batch {}, {}, {}\n\n", flags.model.text(), grouped(timing.parameters),
               flags.inference ? "inference, " : "", flags.batch_size, flags.precision, by);
    fmt::print("{:<24} {:>10} {:>10}\n", fmt::format("of {} steps", flags.steps), "median", "best");
    fmt::print("{:<24} {:>10.1f} {:>10.1f}\n", "ms a step", 1e3 * timing.median(), 1e3 * timing.best());
    fmt::print("{:<24} {:>10.1f} {:>10.1f}\n\n", "images/s", images / timing.median(), images / timing.best());
    if (!timing.own_seconds.empty()) {
        const double own = Timing::median_of(timing.own_seconds);
        fmt::print("by our own products, in turn with these, {:.1f} images/s: {:.2f} times OpenBLAS'\n\n", images / own,
                   timing.median() / own);
    }
    if (on_cpu) {
        fmt::print("memory at its peak {:.0f} MB, of which the model and its steps {:.0f} MB\n", timing.peak_mb,
                   timing.model_mb);
        if (watch) print_costs(costs, timing.median(), images);
    } else {
        fmt::print("device memory at its peak {:.0f} MB\n", timing.model_mb);
    }
    return 0;
}

}  // namespace

RunCommand declare_bench(CLI::App& command) {
    auto flags = std::make_shared<BenchFlags>();
    add_flag(command, "--batch,--batch-size", flags->batch_size, "images a step");
    add_flag(command, "--micro-batches", flags->micro_batches, "parts that a batch is computed in; 0: as train does");
    add_flag(command, "--steps", flags->steps, "steps to time, after two to warm up");
    add_flag(command, "--device", flags->device, device_help);
    add_flag(command, "--precision", flags->precision, precision_help);
    command.add_flag("--inference", flags->inference, "the forward pass alone, with nothing kept for a backward one");
    command.add_flag("--json", flags->json, "one JSON line instead of a table");
    add_threads_flag(command);
    add_gemm_flag(command);
    flags->model.declare(command, "nano");
    command.footer(
        "Examples:\n"
        "  swingrad bench --model nano --batch 128\n"
        "  swingrad bench --model cifar --batch 128 --precision bf16\n"
        "  swingrad bench --model tiny --batch 128 --device cuda --precision bf16\n"
        "  swingrad bench --model tiny --batch 8 --steps 5 --threads 2 --json\n"
        "  swingrad bench --model tiny --batch 1 --inference\n"
        "  swingrad bench --model nano --gemm openblas\n"
        "  swingrad bench --model nano --img-size 64 --window-size 8 --steps 5");
    return [flags] { return bench(*flags); };
}

}  // namespace swingrad
