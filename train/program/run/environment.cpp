#include "train/program/run/environment.h"

#include "core/error.h"
#include "core/gemm/engine.h"
#include "core/gemm/product_kernels.h"
#include "core/instruction_set/instruction_set.h"
#include "core/io/file.h"
#include "core/io/json_file.h"
#include "core/threads.h"
#include "train/loop/device.h"
#include "train/program/console/text.h"
#include "train/ranks/ranks.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>
#include <ctime>
#include <fstream>

namespace swingrad {
namespace {

// What stands behind the first "key<separator>" at the start of a line; empty where nothing does.
std::string value_in(const char* path, const std::string& key, char separator) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const size_t at = line.find(separator);
        if (at == std::string::npos || !line.starts_with(key)) continue;
        if (line.find_first_not_of(" \t", key.size()) != at) continue;
        const size_t begin = line.find_first_not_of(" \t\"", at + 1);
        return begin == std::string::npos ? "" : line.substr(begin, line.find_last_not_of(" \t\"") + 1 - begin);
    }
    return "";
}

std::string or_unknown(const std::string& text) { return text.empty() ? "unknown" : text; }

std::string compiler() {
#if defined(__clang__)
    return "Clang " __clang_version__;
#elif defined(__GNUC__)
    return "GCC " __VERSION__;
#else
    return "unknown";
#endif
}

std::string operating_system() {
    utsname name{};
    uname(&name);
    const std::string distribution = value_in("/etc/os-release", "PRETTY_NAME", '=');
    return fmt::format("{}{}{} {}", distribution, distribution.empty() ? "" : ", ", name.sysname, name.release);
}

int64_t usable_cores() {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

// As a shell would take it; the kernel separates arguments by zeros.
std::string command_line() {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::string line;
    for (std::string word; std::getline(file, word, '\0');) {
        if (line.empty()) word = std::filesystem::path(word).filename().string();
        line += (line.empty() ? "" : " ") + shell_word(without_folders(word));
    }
    return line;
}

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

}  // namespace

nlohmann::json current_environment(const Recipe& recipe) {
    return {{"started", utc_now()},
            {"command", printable(command_line())},
            {"version", SWINGRAD_VERSION},
            {"compiler", compiler()},
            {"processor", or_unknown(value_in("/proc/cpuinfo", "model name", ':'))},
            {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
            {"usable_cores", usable_cores()},
            {"threads", thread_count()},
            {"processes", world().size()},
            {"device", description_of(recipe.device)},
            {"instruction_set", instruction_set()},
            {"gemm", name_of(gemm_engine())},
            {"product_kernel", product_kernel(dtype_of_precision(recipe.precision))},
            {"memory_gib", std::llround(static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                                        static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 30))},
            {"system", operating_system()}};
}

nlohmann::json environments_of(const RunFolder& folder) {
    if (!std::filesystem::exists(folder.environment())) return nlohmann::json::array();
    const std::string text = read_file(folder.environment());
    try {
        nlohmann::json entries = parse_json(text, folder.environment().string());
        if (entries.is_array()) return entries;
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it tells of a run, and no run depends on it
    }
    return nlohmann::json::array();
}

std::string change_of_instruction_set(const RunFolder& folder) {
    const nlohmann::json entries = environments_of(folder);
    if (entries.empty() || !entries.back().is_object()) return "";
    const auto before = [&](const char* name, const std::string& now) {
        const auto found = entries.back().find(name);
        return found != entries.back().end() && found->is_string() ? found->get<std::string>() : now;
    };
    const auto text = [](const std::string& was, const std::string& is) {
        return fmt::format(
            "the run computed by {} before, and goes on by {}: its results may differ in their last bits",
            printable(was), is);
    };
    const std::string engine_now = name_of(gemm_engine());
    const std::string set = before("instruction_set", instruction_set()), engine = before("gemm", engine_now);
    if (set != instruction_set()) return text(set, instruction_set());
    return engine == engine_now ? "" : text("--gemm " + engine, "--gemm " + engine_now);
}

void append_environment(const RunFolder& folder, const Recipe& recipe) {
    nlohmann::json entries = environments_of(folder);
    entries.push_back(current_environment(recipe));
    write_file_atomically(folder.environment(), entries.dump(2) + "\n");
}

}  // namespace swingrad
