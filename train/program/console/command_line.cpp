#include "train/program/console/command_line.h"

#include "core/io/suggest.h"
#include "train/loop/recipe.h"

#include <algorithm>
#include <cstdio>
#include <new>

namespace swingrad {
namespace {

constexpr int exit_failed = 1, exit_usage = 2;

// The first command that was named; empty where none was.
std::string parsed_command(const CLI::App& app) {
    const auto parsed = app.get_subcommands();
    return parsed.empty() ? "" : " " + parsed.front()->get_name();
}

int report(const CLI::App& app, std::string message, int code) {
    std::replace(message.begin(), message.end(), '\n', ' ');
    fmt::print(stderr, "{}{}: {}\n", app.get_name(), parsed_command(app), message);
    return code;
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

}  // namespace

int run_commands(CLI::App& app, const std::vector<Command>& commands, int argc, char** argv) {
    app.require_subcommand(0, 1);
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
        return report(app, fmt::format("expected a command; {} --help lists them", app.get_name()), exit_usage);
    } catch (const CLI::Success& asked) {  // --help, --version
        return app.exit(asked);
    } catch (const CLI::ExtrasError&) {
        return report(app, unknown_argument(app, commands), exit_usage);
    } catch (const CLI::ParseError& error) {
        return report(app, error.what(), exit_usage);
    } catch (const UsageError& error) {
        return report(app, error.what(), exit_usage);
    } catch (const std::bad_alloc&) {
        return report(app, "out of memory", exit_failed);
    } catch (const std::exception& error) {
        return report(app, error.what(), exit_failed);
    } catch (...) {  // of a model or data of someone's own
        return report(app, "failed by an exception that says nothing", exit_failed);
    }
}

}  // namespace swingrad
