// What a training would need, before there is a machine for it.
#include "core/io/text.h"
#include "core/threads.h"
#include "train/loop/device.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/model_flags.h"
#include "train/program/console/output.h"
#include "train/program/plan/measured_rates.h"
#include "train/program/plan/plan_text.h"

#include <algorithm>

namespace swingrad {
namespace {

struct PlanFlags {
    ModelChoice model;
    std::string gpu = "cpu", precision = "f32";
    int64_t batch = 128, ranks = 1, micro_batches = 0, zero = 0;
    double rate = 0;  // TFLOP/s
    std::filesystem::path output;
    bool json = false;
};

constexpr double tera = 1e12;

// The machine with its rates, and where they come from.
void give_rates(PlanRequest& request, const PlanFlags& flags, bool rate_given) {
    Machine& machine = request.machine;
    double& rate = request.dtype == DType::bfloat16 ? machine.flops_bf16 : machine.flops_f32;
    if (machine.name != "cpu") {
        request.rate_text = rate_given ? fmt::format("At --rate {} TFLOP/s.", flags.rate)
                                       : fmt::format(
                                             "Assumed: products at {:.0f} TFLOP/s, {:.0f} % of the peak; say "
                                             "another by --rate.",
                                             rate / tera, 100 * achieved_share);
        if (rate_given) rate = flags.rate * tera;
        request.rate_text += fmt::format(
            " Stated by their makers: memory {:.1f} TB/s, {} {:.0f} GB/s in a machine of "
            "{}, {} {:.0f} GB/s beyond.",
            machine.memory_bytes_per_second / 1e12, machine.inside.name, machine.inside.bytes_per_second / 1e9,
            machine.ranks_a_node, machine.outside.name, machine.outside.bytes_per_second / 1e9);
        return;
    }
    // A model that this machine cannot hold, or not compute in seconds, is measured by a smaller one.
    const RankWork work = work_of(request);
    const int64_t images = std::min<int64_t>(work.images, 32);
    RankWork trial = work;
    trial.images = images;
    const PassMemory pass = pass_of(request.model, trial);
    const double needed =
        static_cast<double>(2 * pass.values + pass.copies + pass.peak) + 2.0 * static_cast<double>(pass.values);
    constexpr double most_flops = 1e12;
    const bool as_it_is = needed < machine.memory / 4 && pass.flops < most_flops;
    const MeasuredRates measured = as_it_is ? measured_rates(request.model, request.dtype, images)
                                            : measured_rates(named_config("tiny"), request.dtype, 1);
    rate = rate_given ? flags.rate * tera : measured.flops;
    machine.memory_bytes_per_second = measured.memory_bytes_per_second;
    request.rate_text = fmt::format(
        "{} {:.3f} TFLOP/s; AdamW at {:.1f} GB/s, measured{}. Assumed: {} {:.0f} GB/s within a machine, {} {:.0f} "
        "GB/s beyond.",
        rate_given ? "At --rate"
                   : fmt::format("Measured here on {} {}:", thread_count(), thread_count() == 1 ? "thread" : "threads"),
        rate / tera, measured.memory_bytes_per_second / 1e9,
        as_it_is ? "" : " with tiny, as the model is too large here", machine.inside.name,
        machine.inside.bytes_per_second / 1e9, machine.outside.name, machine.outside.bytes_per_second / 1e9);
}

void write_page(const PlanFlags& flags, const Plan& plan) {
    if (flags.output.extension() == ".svg") write_output(flags.output, svg_of(figure_of(plan)));
    else write_output(flags.output, page_of(plan));
}

int plan(const PlanFlags& flags, bool rate_given) {
    check_names("cpu", flags.precision);
    if (flags.precision == "f64") fail_usage("--precision must be f32 or bf16 for a plan, got f64");
    require(flags.zero == 0 || flags.zero == 1, "zero", "0 or 1", flags.zero);
    if (rate_given) require(flags.rate > 0 && flags.rate <= 1e6, "rate", "above 0 and at most 1000000", flags.rate);
    if (!flags.output.empty() && flags.output.extension() != ".html" && flags.output.extension() != ".svg")
        fail_usage("--output {}: a page's name ends in .html, a figure's in .svg", flags.output.string());
    PlanRequest request;
    request.machine = flags.gpu == "cpu" ? this_cpu(thread_count()) : machine_named(flags.gpu);
    request.model = flags.model.config();
    request.model_text = flags.model.text();
    request.dtype = dtype_of_precision(flags.precision);
    request.batch = flags.batch;
    request.ranks = flags.ranks;
    request.micro_batches = flags.micro_batches;
    request.zero = flags.zero == 1;
    request.threads = thread_count();
    work_of(request);  // refuses what cannot be before anything is measured
    give_rates(request, flags, rate_given);
    const Plan made = make_plan(request);
    if (!flags.output.empty()) write_page(flags, made);
    if (is_standard_output(flags.output)) return 0;
    if (flags.json) fmt::print("{}\n", json_of(made).dump());
    else fmt::print("{}", text_of(made));
    return 0;
}

}  // namespace

RunCommand declare_plan(CLI::App& command) {
    auto flags = std::make_shared<PlanFlags>();
    add_flag(command, "--gpu", flags->gpu, "what each rank has: a100 | h100 | h200 | cpu, this machine's");
    add_flag(command, "--ranks", flags->ranks, "processes that train together");
    add_flag(command, "--batch,--batch-size", flags->batch, "images a step, of all ranks together");
    add_flag(command, "--micro-batches", flags->micro_batches,
             "parts that a batch is computed in; 0: as train does, and at least one a rank");
    add_flag(command, "--precision", flags->precision, "f32 | bf16, mixed precision");
    add_flag(command, "--zero", flags->zero,
             "1: moments and float32 masters are shared out over the ranks; 0: each has all");
    CLI::Option* rate = add_flag(command, "--rate", flags->rate, "TFLOP/s that a rank's products achieve in a step")
                            ->default_str("a share of the GPU's peak, or measured on the CPU");
    add_flag(command, "--output", flags->output,
             "write a page to this file, or the figure where its name ends in .svg");
    command.add_flag("--json", flags->json, "one JSON object instead of tables");
    add_threads_flag(command);
    flags->model.declare(command, "nano");
    command.footer(
        "Memory of a rank by cause, whether it fits, how long a step takes, and how both change from 1 to 512 ranks.\n"
        "Memory is counted from the shapes of the model, of which nothing is allocated. Time rests on figures that "
        "the\n"
        "output states. All of it is predicted, not measured.\n\n"
        "Examples:\n"
        "  swingrad plan --model giant --ranks 64 --gpu h200 --batch 1024 --precision bf16 --zero 1\n"
        "  swingrad plan --model giant --ranks 64 --gpu a100 --batch 1024 --precision bf16 --checkpoint-blocks true\n"
        "  swingrad plan --model cifar --batch 128 --ranks 2 --threads 1\n"
        "  swingrad plan --model base --img-size 384 --window-size 24 --gpu h100 --batch 256 --output plan.html");
    return [flags, rate] { return plan(*flags, rate->count() > 0); };
}

}  // namespace swingrad
