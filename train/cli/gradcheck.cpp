#include "autograd/gradcheck.h"

#include "train/cli/commands.h"
#include "train/cli/flags.h"

#include <chrono>

namespace swingrad {
namespace {

// Whether `wanted` is the case's name or one of its parts: "layout/permute" answers to "layout" and to "permute".
bool answers_to(const std::string& name, const std::string& wanted) {
    return name == wanted || ("/" + name + "/").find("/" + wanted + "/") != std::string::npos;
}

// All cases, or those of the operations asked for.
std::vector<GradientCase> chosen_cases(const std::vector<std::string>& operations) {
    const std::vector<GradientCase> all = gradient_cases();
    if (operations.empty()) return all;
    std::vector<GradientCase> chosen;
    for (const std::string& wanted : operations) {
        const size_t before = chosen.size();
        for (const GradientCase& one : all)
            if (answers_to(one.name, wanted)) chosen.push_back(one);
        if (chosen.size() > before) continue;
        std::string names;
        for (const GradientCase& one : all) names += (names.empty() ? "" : ", ") + one.name;
        fail_usage("unknown operation {}: expected one of {}, or a part of such a name", wanted, names);
    }
    return chosen;
}

bool run_case(const GradientCase& one, uint64_t seed) {
    const auto start = std::chrono::steady_clock::now();
    const GradcheckResult result = gradcheck(one.function, one.inputs(Random{seed, 0}), one.options, one.name);
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    fmt::print("{:<32} {:<7} {:>12.2e} {:>12.2e} {:>9} {:>9.1f}\n", one.name, result.ok ? "ok" : "FAILED",
               result.worst_error, result.worst_relative, result.elements, ms);
    if (!result.ok) fmt::print("  {}\n", result.report);
    std::fflush(stdout);
    return result.ok;
}

}  // namespace

RunCommand declare_gradcheck(CLI::App& command) {
    struct Flags {
        std::vector<std::string> operations;
        int64_t seed = 11;
    };
    auto flags = std::make_shared<Flags>();
    command.add_option("OP", flags->operations, "operations to check, or single cases; default: all");
    add_flag(command, "--seed", flags->seed, "of the inputs");
    add_threads_flag(command);
    command.footer(
        "Every element of every input's gradient against a central difference, in double. Exit code 1 if one is "
        "wrong.\n\n"
        "Examples:\n"
        "  swingrad gradcheck\n"
        "  swingrad gradcheck layer_norm softmax");
    return [flags] {
        const std::vector<GradientCase> cases = chosen_cases(flags->operations);
        fmt::print("{:<32} {:<7} {:>12} {:>12} {:>9} {:>9}\n", "case", "", "worst error", "of largest", "elements",
                   "ms");
        int64_t failed = 0;
        for (const GradientCase& one : cases) failed += !run_case(one, static_cast<uint64_t>(flags->seed));
        fmt::print("{} of {} cases ok\n", static_cast<int64_t>(cases.size()) - failed, cases.size());
        return failed == 0 ? 0 : 1;
    };
}

}  // namespace swingrad
