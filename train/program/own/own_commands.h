// The commands of a program of one's own, for train/program/own/own_program.cpp.
#pragma once

#include "models/nn/parameters.h"
#include "train/data/samples.h"
#include "train/program/console/command_line.h"
#include "train/program/own/own_program.h"

namespace swingrad {

RunCommand declare_own_train(const Program& program, CLI::App& command);
RunCommand declare_own_evaluate(const Program& program, CLI::App& command);
RunCommand declare_own_predict(const Program& program, CLI::App& command);
RunCommand declare_own_write(const Program& program, CLI::App& command);
RunCommand declare_own_verify(const Program& program, CLI::App& command);
RunCommand declare_own_summary(const Program& program, CLI::App& command);
RunCommand declare_own_tape(const Program& program, CLI::App& command);
RunCommand declare_own_gradcheck(const Program& program, CLI::App& command);
RunCommand declare_own_bench(const Program& program, CLI::App& command);
RunCommand declare_own_trace(const Program& program, CLI::App& command);

// --data and --limit: what a program learns from.
struct SourceFlags {
    std::string source;
    int64_t limit = 0;  // samples of each set; 0: all

    CLI::Option *source_option = nullptr, *limit_option = nullptr;

    void declare(CLI::App& command);
    nlohmann::json given() const;  // of "data" and "limit" those that were given
    std::string text() const;      // for people
};

// What the program's functions make. Throws an Error where they make nothing.
std::unique_ptr<Module> model_of(const Program& program);
ProgramData data_of(const Program& program, const SourceFlags& flags);
// The first so many samples; 0: all, and none is asked for their number.
std::unique_ptr<Samples> limited(std::unique_ptr<Samples> samples, int64_t limit);
// The program's loss, or what an empty one stands for.
Loss loss_of(const Program& program, double label_smoothing);
// The first `count` training samples, as they are.
Batch first_batch(const Samples& samples, int64_t count);

}  // namespace swingrad
