// A program of commands: parses the command line, runs the command that was named, and says in one line what was wrong.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

namespace swingrad {

using RunCommand = std::function<int()>;  // returns the exit code

struct Command {
    std::string name, help;
    // Declares the command's flags, and returns what runs once they are parsed.
    std::function<RunCommand(CLI::App&)> declare;
};

// Returns the exit code: the command's; 1 where it failed; 2 where the user gave what cannot be (a UsageError, or what
// the parser refuses). What cannot be written to standard output makes it 1 too. Without arguments, prints the help.
int run_commands(CLI::App& app, const std::vector<Command>& commands, int argc, char** argv);

}  // namespace swingrad
