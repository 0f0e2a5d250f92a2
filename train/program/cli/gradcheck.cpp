#include "autograd/gradcheck.h"

#include "core/io/file.h"
#include "core/io/suggest.h"
#include "train/program/cli/commands.h"
#include "train/program/console/flags.h"
#include "train/program/console/progress.h"

#include <fmt/color.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>

namespace swingrad {
namespace {

struct GradcheckFlags {
    std::vector<std::string> operations;
    std::string sort = "name", device = "cpu";
    int64_t seed = 11, directions = 0;
    double eps = 0, atol = 0, rtol = 0;  // 0: the case's own
    std::filesystem::path output;
    bool json = false, table = false, second_order = false;
};

struct Checked {
    std::string name;
    GradcheckResult result;
    double ms;
    std::vector<std::string> nodes;  // "layer_norm: x [2, 3, 5], weight [5], mean [6], rstd [6]": what each one saved
};

std::string described(const Node& node) {
    std::vector<std::string> saved;
    for (const Saved& one : node.saved())
        if (one.tensor.defined()) saved.push_back(fmt::format("{} {}", one.name, one.tensor.shape()));
    return fmt::format("{}: {}", node.name(), saved.empty() ? "nothing" : fmt::format("{}", fmt::join(saved, ", ")));
}

// "layout/permute" answers to "layout", to "permute" and to the whole.
std::vector<std::string> parts_of(const std::string& name) {
    std::vector<std::string> parts{name, ""};
    for (const char c : name)
        if (c == '/') parts.emplace_back();
        else parts.back() += c;
    return parts;
}

// All cases, or those of the operations asked for, each once.
std::vector<GradientCase> chosen_cases(const std::vector<std::string>& operations) {
    const std::vector<GradientCase> all = gradient_cases();
    if (operations.empty()) return all;
    std::vector<bool> is_chosen(all.size());
    for (const std::string& wanted : operations) {
        bool found = false;
        std::vector<std::string> names, known;
        for (size_t i = 0; i < all.size(); ++i) {
            const auto parts = parts_of(all[i].name);
            names.push_back(all[i].name);
            known.insert(known.end(), parts.begin(), parts.end());
            if (std::find(parts.begin(), parts.end(), wanted) == parts.end()) continue;
            is_chosen[i] = found = true;
        }
        if (found) continue;
        const std::string near = nearest(wanted, known);
        if (!near.empty()) fail_usage("unknown operation {}: did you mean {}?", wanted, near);
        fail_usage("unknown operation {}: expected one of {}, or a part of such a name", wanted,
                   fmt::join(names, ", "));
    }
    std::vector<GradientCase> chosen;
    for (size_t i = 0; i < all.size(); ++i)
        if (is_chosen[i]) chosen.push_back(all[i]);
    return chosen;
}

std::vector<Checked> check_all(const std::vector<GradientCase>& cases, const GradcheckFlags& flags, Device device) {
    std::vector<Checked> checked;
    Progress progress;
    for (const GradientCase& one : cases) {
        progress.show("checking", static_cast<int64_t>(checked.size()), static_cast<int64_t>(cases.size()), one.name,
                      0);
        const auto start = std::chrono::steady_clock::now();
        GradcheckOptions options = one.options;
        options.device = device;
        options.directions = flags.directions;
        options.second_order = flags.second_order;
        if (flags.eps > 0) options.eps = flags.eps;
        if (flags.atol > 0) options.atol = flags.atol;
        if (flags.rtol > 0) options.rtol = flags.rtol;
        std::vector<std::string> nodes;
        options.mutate = [&nodes](const Node& node, const NeedsInputGrad&, std::vector<Tensor>&) {
            nodes.insert(nodes.begin(), described(node));  // backward meets the last one first
        };
        const GradcheckResult result =
            gradcheck(one.function, one.inputs(Random{static_cast<uint64_t>(flags.seed), 0}), options, one.name);
        const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
        checked.push_back({one.name, result, ms, nodes});
    }
    return checked;
}

// Green or red where a person looks at a terminal that shows it; see no-color.org.
std::string coloured(const std::string& text, bool good) {
    const char* no_color = std::getenv("NO_COLOR");
    if (isatty(STDOUT_FILENO) != 1 || (no_color && *no_color)) return text;
    return fmt::format(fmt::fg(good ? fmt::terminal_color::green : fmt::terminal_color::red), "{}", text);
}

// By dual numbers: what is apart, to the first and second order, and from symmetry.
std::string dual_columns(const GradcheckResult& result) {
    return fmt::format("  {:>8.1e}  {:>8.1e}  {:>8.1e}", result.dual.first, result.dual.second, result.dual.asymmetry);
}

void print_table(const std::vector<Checked>& checked, int64_t failed, bool second_order) {
    size_t width = 4;
    int64_t elements = 0, near_kinks = 0;
    double ms = 0;
    for (const Checked& one : checked) {
        width = std::max(width, one.name.size());
        elements += one.result.elements;
        near_kinks += one.result.near_kinks;
        ms += one.ms;
    }
    fmt::print("{:<{}}  {:<6}  {:>11}  {:>11}  {:>8}  {:>8}{}\n", "case", width, "", "worst error", "of largest",
               "elements", "ms", second_order ? "      dual       H v  symmetry" : "");
    for (const Checked& one : checked)
        fmt::print("{:<{}}  {}  {:>11.2e}  {:>11.2e}  {:>8}  {:>8.1f}{}\n", one.name, width,
                   coloured(one.result.ok ? "ok    " : "FAILED", one.result.ok), one.result.worst_error,
                   one.result.worst_relative, one.result.elements, one.ms,
                   second_order ? dual_columns(one.result) : "");
    for (const Checked& one : checked)
        if (!one.result.ok) fmt::print("\n{}\n", one.result.report);
    const auto cases = static_cast<int64_t>(checked.size());
    fmt::print("\n{} of {} cases {}, {} elements{}, {:.1f} s\n", cases - failed, cases, coloured("ok", failed == 0),
               grouped(elements), near_kinks > 0 ? fmt::format(", {} near a kink", near_kinks) : "", ms / 1e3);
}

// In Markdown, for a page.
void print_saved(const std::vector<Checked>& checked) {
    fmt::print("| case | nodes and what they save | error, of the largest gradient |\n|---|---|---|\n");
    for (const Checked& one : checked)
        fmt::print("| `{}` | {} | {:.0e} |\n", one.name, fmt::join(one.nodes, "; "), one.result.worst_relative);
}

nlohmann::json as_json(const std::vector<Checked>& checked, int64_t failed, bool second_order) {
    nlohmann::json cases = nlohmann::json::array();
    for (const Checked& one : checked) {
        cases.push_back({{"case", one.name},
                         {"ok", one.result.ok},
                         {"worst_error", one.result.worst_error},
                         {"worst_relative", one.result.worst_relative},
                         {"elements", one.result.elements},
                         {"near_kinks", one.result.near_kinks},
                         {"ms", one.ms},
                         {"report", one.result.report}});
        if (second_order)
            cases.back()["dual"] = {{"first", one.result.dual.first},
                                    {"second", one.result.dual.second},
                                    {"asymmetry", one.result.dual.asymmetry}};
    }
    return {{"failed", failed}, {"cases", cases}};
}

}  // namespace

RunCommand declare_gradcheck(CLI::App& command) {
    auto flags = std::make_shared<GradcheckFlags>();
    command.add_option("OP", flags->operations, "operations to check, or single cases; default: all");
    add_flag(command, "--sort", flags->sort, "name | slowest, the slowest first");
    add_flag(command, "--seed", flags->seed, "of the inputs");
    add_flag(command, "--device", flags->device, device_help);
    add_flag(command, "--eps", flags->eps, "step of the differences; 0: each case's own, as for the next two");
    add_flag(command, "--atol", flags->atol, "an element passes if it is off by at most atol + rtol of the numeric");
    add_flag(command, "--rtol", flags->rtol, "see --atol");
    add_flag(command, "--directions", flags->directions,
             "0: every element; N: of each input only the slopes along N random directions, which is quick");
    add_flag(command, "--output", flags->output, "write the report to this file, as the object of --json");
    command.add_flag("--second-order", flags->second_order,
                     "also by dual numbers, which need no step: the gradient, and second derivatives");
    command.add_flag("--json", flags->json, "one JSON object instead of a table");
    command.add_flag("--table", flags->table, "what each node saved and its gradient's error, as a Markdown table");
    add_threads_flag(command);
    command.footer(
        "Every element of every input's gradient against a central difference, in double, or with --directions slopes\n"
        "along random directions. Of largest: the error over the largest gradient. Exit code 1 if one is wrong.\n"
        "With --second-order also by dual numbers, which are exact: the slope along a direction v (dual); how the\n"
        "gradient changes along v, against a difference (H v); and u H v against v H u, for the second derivatives\n"
        "are symmetric. All three are relative; allowed are 1e-11, 1e-6 and 1e-8.\n\n"
        "Examples:\n"
        "  swingrad gradcheck\n"
        "  swingrad gradcheck layer_norm softmax\n"
        "  swingrad gradcheck layer_norm --device reference     its plain loops instead of the fast path\n"
        "  swingrad gradcheck layer_norm --device emulated      its kernels\n"
        "  swingrad gradcheck layer_norm --eps 1e-5 --rtol 1e-4\n"
        "  swingrad gradcheck --directions 3 --output report.json\n"
        "  swingrad gradcheck --second-order --directions 1\n"
        "  swingrad gradcheck --sort slowest --json");
    return [flags] {
        if (flags->sort != "name" && flags->sort != "slowest")
            fail_usage("unknown --sort \"{}\": {}", flags->sort, suggestion(flags->sort, {"name", "slowest"}));
        for (const auto& [name, value] : {std::pair{"eps", flags->eps}, {"atol", flags->atol}, {"rtol", flags->rtol}})
            require(value >= 0 && value <= 1, name, "0 to 1", value);
        require(flags->directions >= 0 && flags->directions <= most_steps, "directions", "0 to 1000000",
                flags->directions);
        require(flags->seed >= 0, "seed", "0 or more", flags->seed);
        const Device device = choose_device(flags->device);
        std::vector<Checked> checked = check_all(chosen_cases(flags->operations), *flags, device);
        if (flags->sort == "slowest")
            std::stable_sort(checked.begin(), checked.end(), [](const auto& a, const auto& b) { return a.ms > b.ms; });
        const int64_t failed =
            std::count_if(checked.begin(), checked.end(), [](const Checked& one) { return !one.result.ok; });
        const nlohmann::json report = as_json(checked, failed, flags->second_order);
        if (!flags->output.empty()) write_file_atomically(flags->output, report.dump(2) + "\n");
        if (flags->json) fmt::print("{}\n", report.dump());
        else if (flags->table) print_saved(checked);
        else print_table(checked, failed, flags->second_order);
        return failed == 0 ? 0 : 1;
    };
}

}  // namespace swingrad
