#include "train/program/console/command_line.h"

#include "core/instruction_set/instruction_set.h"
#include "core/io/quotes.h"
#include "core/io/suggest.h"
#include "train/loop/recipe.h"
#include "train/program/console/error_text.h"
#include "train/program/console/interrupt.h"
#include "train/program/console/output.h"
#include "train/program/console/terminate.h"
#include "train/program/console/usage_text.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <system_error>

namespace swingrad {
namespace {

constexpr int exit_failed = 1, exit_usage = 2;

// The first command that was named; empty where none was.
std::string parsed_command(const CLI::App& app) {
    const auto parsed = app.get_subcommands();
    return parsed.empty() ? "" : " " + parsed.front()->get_name();
}

int report(const CLI::App& app, const std::string& message, int code) {
    complain(fmt::format("{}{}: {}\n", app.get_name(), parsed_command(app), on_one_line(message)));
    return code;
}

// Where even a message finds no memory: without taking any.
int report_no_memory(const CLI::App& app) noexcept {
    try {
        return report(app, "out of memory", exit_failed);
    } catch (...) {
        std::fprintf(stderr, "%s: out of memory\n", program_name());
        return exit_failed;
    }
}

// What the parser says, which may be of several lines.
int report_usage(const CLI::App& app, std::string message) {
    std::replace(message.begin(), message.end(), '\n', ' ');
    return report(app, usage_text(message), exit_usage);
}

constexpr size_t most_listed = 12;  // flags in a message

std::string command_line(const CLI::App& command) {
    const CLI::App* parent = command.get_parent();
    return parent ? parent->get_name() + " " + command.get_name() : command.get_name();
}

// What can be said better than the parser does: which argument is unknown, and which ones there are.
std::string unknown_argument(const CLI::App& app, const std::vector<Command>& commands) {
    const auto parsed = app.get_subcommands();
    const CLI::App& command = parsed.empty() ? app : *parsed.front();
    const auto remaining = app.remaining(true);
    std::string unknown = remaining.empty() ? "?" : remaining.front();
    std::vector<std::string> known;
    if (parsed.empty() && unknown[0] != '-') {
        for (const Command& one : commands) known.push_back(one.name);
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

using Declared = std::vector<std::pair<CLI::App*, RunCommand>>;

// Whether anything is left to be done: not after --help and --version.
bool parse(CLI::App& app, int argc, char** argv) {
    try {
        app.parse(argc, argv);
        return true;
    } catch (const CLI::Success& asked) {
        std::ostringstream text;
        app.exit(asked, text, text);
        fmt::print("{}", text.str());
        return false;
    }
}

int parse_and_run(CLI::App& app, const std::vector<Command>& commands, Declared& declared, int argc, char** argv) {
    instruction_set();  // what SWINGRAD_ISA asks for and cannot have is told before anything else
    app.require_subcommand(0, 1);
    for (const Command& command : commands) {
        CLI::App* one = app.add_subcommand(command.name, command.help);
        declared.emplace_back(one, command.declare(*one));
    }
    if (argc == 1) {
        fmt::print("{}", app.help());
        return 0;
    }
    if (!parse(app, argc, argv)) return 0;
    for (const auto& [command, action] : declared)
        if (command->parsed()) return action();
    return report(app, fmt::format("expected a command; {} --help lists them", app.get_name()), exit_usage);
}

// A long text goes out before flush_output: then it is the formatter that cannot write.
std::string what_failed(const std::system_error& error) {
    if (std::ferror(stdout) == 0) return text_of(error);
    return "cannot write to standard output: " + error.code().message();
}

int run_and_report(CLI::App& app, const std::vector<Command>& commands, int argc, char** argv) {
    Declared declared;  // flags are held by address, also where an error is told
    try {
        const int code = parse_and_run(app, commands, declared, argc, argv);
        if (code != 128 + SIGPIPE) flush_output();  // else the reader is known to be gone
        return code;
    } catch (const CLI::ExtrasError&) {
        return report(app, unknown_argument(app, commands), exit_usage);
    } catch (const CLI::ParseError& error) {
        return report_usage(app, error.what());
    } catch (const UsageError& error) {
        return report(app, error.what(), exit_usage);
    } catch (const EndedBySignal&) {
        return exit_interrupted();
    } catch (const std::system_error& error) {
        return report(app, what_failed(error), exit_failed);
    } catch (const std::exception& error) {
        return report(app, text_of(error), exit_failed);
    } catch (...) {  // of a model or data of someone's own
        return report(app, "failed by an exception that says nothing", exit_failed);
    }
}

}  // namespace

int run_commands(CLI::App& app, const std::vector<Command>& commands, int argc, char** argv) {
    tell_of_no_memory();
    reserve_standard_descriptors();
    set_program_name(app.get_name());
    try {
        return run_and_report(app, commands, argc, argv);
    } catch (...) {  // what fails in telling an error is memory
        return report_no_memory(app);
    }
}

}  // namespace swingrad
