// The program's commands, one file each. Each declares its flags on `command` and returns what runs once they are
// parsed; that returns the exit code.
#pragma once

#include "train/program/console/command_line.h"

namespace swingrad {

RunCommand declare_train(CLI::App& command);
RunCommand declare_evaluate(CLI::App& command);
RunCommand declare_predict(CLI::App& command);
RunCommand declare_explain(CLI::App& command);
RunCommand declare_features(CLI::App& command);
RunCommand declare_convert(CLI::App& command);
RunCommand declare_verify(CLI::App& command);
RunCommand declare_summary(CLI::App& command);
RunCommand declare_tape(CLI::App& command);
RunCommand declare_gradcheck(CLI::App& command);
RunCommand declare_bench(CLI::App& command);
RunCommand declare_kernels(CLI::App& command);
RunCommand declare_plan(CLI::App& command);
RunCommand declare_trace(CLI::App& command);
RunCommand declare_plot(CLI::App& command);
RunCommand declare_compare(CLI::App& command);
RunCommand declare_experiment(CLI::App& command);

}  // namespace swingrad
