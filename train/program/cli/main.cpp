// swingrad: one program, a command for each thing one does with a model.
#include "core/io/suggest.h"
#include "cuda/runtime/runtime.h"
#include "train/loop/recipe.h"
#include "train/program/cli/commands.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <new>

using namespace swingrad;

namespace {

constexpr int exit_failed = 1, exit_usage = 2;

struct Command {
    const char* name;
    const char* help;
    RunCommand (*declare)(CLI::App&);
};

constexpr Command commands[] = {
    {"train", "Train a model, or go on with a run", declare_train},
    {"evaluate", "Accuracy and loss of a trained model on test images", declare_evaluate},
    {"predict", "What a trained model sees in image files", declare_predict},
    {"summary", "A model layer by layer: shapes, parameters, FLOPs, memory", declare_summary},
    {"tape", "What a training step records, as a table or a graph", declare_tape},
    {"gradcheck", "Prove gradients against finite differences", declare_gradcheck},
    {"bench", "Speed and memory of training steps", declare_bench},
    {"trace", "Write every activation and gradient of one step to a file", declare_trace},
    {"plot", "Curves of one run, or of several over each other", declare_plot},
    {"experiment", "The paper's claims: a table beside its numbers, figures, a page", declare_experiment},
};

// The first command that was named; empty where none was.
std::string parsed_command(const CLI::App& app) {
    const auto parsed = app.get_subcommands();
    return parsed.empty() ? "" : " " + parsed.front()->get_name();
}

int report(const std::string& where, std::string message, int code) {
    std::replace(message.begin(), message.end(), '\n', ' ');
    fmt::print(stderr, "swingrad{}: {}\n", where, message);
    return code;
}

constexpr size_t most_listed = 12;  // flags in a message

std::string command_line(const CLI::App& command) {
    return command.get_name() == "swingrad" ? "swingrad" : "swingrad " + command.get_name();
}

// What can be said better than the parser does: which argument is unknown, and which ones there are.
std::string unknown_argument(const CLI::App& app) {
    const auto parsed = app.get_subcommands();
    const CLI::App& command = parsed.empty() ? app : *parsed.front();
    const auto remaining = app.remaining(true);
    std::string unknown = remaining.empty() ? "?" : remaining.front();
    std::vector<std::string> known;
    if (parsed.empty() && unknown[0] != '-') {
        for (const Command& one : commands) known.emplace_back(one.name);
        return fmt::format("unknown command {}: {}", unknown, suggestion(unknown, known));
    }
    if (unknown[0] != '-')
        return fmt::format("unknown argument {}; {} --help lists what it takes", unknown, command_line(command));
    unknown = unknown.substr(0, unknown.find('='));
    for (const CLI::Option* option : command.get_options())
        for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    if (nearest(unknown, known).empty() && known.size() > most_listed)
        return fmt::format("unknown flag {}; {} --help lists those there are", unknown, command_line(command));
    return fmt::format("unknown flag {}: {}", unknown, suggestion(unknown, known));
}

int run(CLI::App& app, int argc, char** argv) {
    std::vector<std::pair<CLI::App*, RunCommand>> declared;
    for (const Command& command : commands) {
        CLI::App* one = app.add_subcommand(command.name, command.help);
        declared.emplace_back(one, command.declare(*one));
    }
    if (argc == 1) {
        fmt::print("{}", app.help());
        return 0;
    }
    try {
        app.parse(argc, argv);
        for (const auto& [command, action] : declared)
            if (command->parsed()) return action();
        return report("", "expected a command; swingrad --help lists them", exit_usage);
    } catch (const CLI::Success& asked) {  // --help, --version
        return app.exit(asked);
    } catch (const CLI::ExtrasError&) {
        return report(parsed_command(app), unknown_argument(app), exit_usage);
    } catch (const CLI::ParseError& error) {
        return report(parsed_command(app), error.what(), exit_usage);
    } catch (const UsageError& error) {
        return report(parsed_command(app), error.what(), exit_usage);
    } catch (const std::bad_alloc&) {
        return report(parsed_command(app), "out of memory", exit_failed);
    } catch (const std::exception& error) {
        return report(parsed_command(app), error.what(), exit_failed);
    }
}

std::string version() {
    const std::string why_not = cuda::why_unavailable();
    return fmt::format("swingrad {}, kernels {}", SWINGRAD_VERSION,
                       cuda::emulated()  ? cuda::description()
                       : why_not.empty() ? "for " + cuda::description()
                                         : "for a GPU, but " + why_not);
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGXFSZ, SIG_IGN);  // a file over the size limit shall be a failed write, not the end
    CLI::App app{"swingrad: Swin Transformer V2 from scratch, to read, to trust and to train.", "swingrad"};
    app.require_subcommand(0, 1);
    app.set_version_flag("--version", version);
    app.footer(
        "Examples:\n"
        "  swingrad train --epochs 5                    the smallest model on pictures drawn by the program\n"
        "  swingrad predict --checkpoint runs/nano-shapes-seed0 photo.jpg\n"
        "  swingrad summary --model tiny\n"
        "  swingrad COMMAND --help                      flags and examples of a command");
    return run(app, argc, argv);
}
