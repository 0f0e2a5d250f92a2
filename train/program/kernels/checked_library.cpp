#include "train/program/kernels/checked_library.h"

#include "cuda/runtime/kernel_counts.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace swingrad {
namespace fs = std::filesystem;

void run_with_checked_library() {
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(&cuda::counts_accesses), &info) == 0 || !info.dli_fname) return;
    const fs::path library(info.dli_fname), folder = library.parent_path() / "checked";
    std::error_code error;
    if (!fs::exists(folder / library.filename(), error)) return;

    const char* const before = std::getenv("LD_LIBRARY_PATH");
    if (before && std::string(before).starts_with(folder.string())) return;  // it did not help once
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::string words{std::istreambuf_iterator<char>(file), {}};
    std::vector<char*> arguments;
    for (size_t at = 0; at < words.size(); at = words.find('\0', at) + 1) arguments.push_back(words.data() + at);
    if (arguments.empty()) return;
    arguments.push_back(nullptr);
    setenv("LD_LIBRARY_PATH", (folder.string() + (before ? ":" + std::string(before) : "")).c_str(), 1);
    execv("/proc/self/exe", arguments.data());
    if (before) setenv("LD_LIBRARY_PATH", before, 1);
    else unsetenv("LD_LIBRARY_PATH");
}

}  // namespace swingrad
