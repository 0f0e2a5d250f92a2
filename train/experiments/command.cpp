// The command `swingrad experiment`. It stands here and not in program/cli, so that the program knows of no experiment.

#include "train/experiments/experiments.h"

#include "train/program/cli/commands.h"
#include "train/program/console/flags.h"

namespace swingrad {
namespace {

struct ExperimentFlags {
    std::string name;
    ExperimentSettings settings;
    CLI::Option* seeds = nullptr;
    std::filesystem::path output;
};

void print_list() {
    for (const Experiment* one : experiments())
        fmt::print("{:<10} {} ({}); about {}\n", one->name, one->shows, one->source, one->takes);
}

}  // namespace

RunCommand declare_experiment(CLI::App& command) {
    auto flags = std::make_shared<ExperimentFlags>();
    command.add_option("NAME", flags->name, "which; list: all there are, what they show and how long they take");
    add_flag(command, "--data", flags->settings.data, "images: shapes | cifar10:DIR | cifar100:DIR | folder:DIR");
    add_flag(command, "--device", flags->settings.device, device_help);
    add_flag(command, "--precision", flags->settings.precision, precision_help);
    flags->seeds = add_flag(command, "--seeds", flags->settings.seeds, "trainings of each kind, with seeds 0, 1, ...")
                       ->default_str("the experiment's own");
    command.add_flag("--quick", flags->settings.quick, "tiny models and a few steps: shows that everything works");
    add_flag(command, "--output", flags->output, "folder of results, figures and page")
        ->default_str("runs/experiments/NAME");
    add_threads_flag(command);
    command.footer(
        "The paper's claims, one command each: a table beside the paper's numbers, figures, and a page, report.html.\n"
        "Results are kept by their settings: after Ctrl-C or a crash the same command goes on, and again it computes "
        "nothing.\n\n"
        "Examples:\n"
        "  swingrad experiment list\n"
        "  swingrad experiment memory\n"
        "  swingrad experiment amplitude --data folder:cifar10-jpeg --seeds 1\n"
        "  swingrad experiment ablation --quick --output runs/trial");
    return [flags] {
        if (flags->name.empty()) fail_usage("expected the NAME of an experiment, or list");
        if (flags->name == "list") {
            print_list();
            return 0;
        }
        const Experiment& experiment = experiment_named(flags->name);
        if (flags->seeds->count() > 0)
            require(flags->settings.seeds >= 1 && flags->settings.seeds <= most_seeds, "seeds", "1 to 100",
                    flags->settings.seeds);
        const auto folder = std::filesystem::path("runs") / "experiments" / experiment.name;
        return run_experiment(experiment, flags->settings, flags->output.empty() ? folder : flags->output);
    };
}

}  // namespace swingrad
