#include "train/program/kernels/compiled_kernels.h"

#include "core/error.h"
#include "core/io/quotes.h"
#include "cuda/runtime/kernel_name.h"
#include "train/program/report/process.h"

#include <charconv>
#include <sstream>

namespace swingrad {
namespace {

// The number after `key` and a colon; 0 where it is not there. " REG:32 STACK:0 SHARED:1024 LOCAL:0 ..."
int64_t number_after(std::string_view line, std::string_view key) {
    const size_t at = line.find(std::string(" ") + std::string(key) + ":");
    int64_t number = 0;
    if (at != std::string_view::npos)
        std::from_chars(line.data() + at + key.size() + 2, line.data() + line.size(), number);
    return number;
}

}  // namespace

std::vector<KernelResources> parse_resource_usage(std::string_view text) {
    constexpr std::string_view function = "Function ", architecture = "arch = ";
    std::vector<KernelResources> all;
    std::istringstream lines{std::string(text)};
    std::string line, arch, name;
    while (std::getline(lines, line)) {
        if (line.starts_with(architecture)) {
            arch = line.substr(architecture.size());
        } else if (const size_t at = line.find(function); at != std::string::npos) {
            name = cuda::kernel_name(line.substr(at + function.size(), line.rfind(':') - at - function.size()));
        } else if (!name.empty() && line.find("REG:") != std::string::npos) {
            all.push_back(
                {name, arch, number_after(line, "REG"), number_after(line, "STACK"), number_after(line, "SHARED")});
            name.clear();
        }
    }
    return all;
}

std::vector<KernelResources> compiled_kernels(const std::filesystem::path& file) {
    check(std::filesystem::is_regular_file(file), "--objects {}: no such file", in_quotes(file.string()));
    std::string text;
    try {
        text = output_of({"cuobjdump", "-res-usage", file.string()}, "", std::chrono::minutes(5));
    } catch (const NotInstalled&) {
        fail("--objects {} is read by cuobjdump, which is not on the PATH: it comes with the CUDA toolkit",
             in_quotes(file.string()));
    } catch (const Error& error) {
        fail("--objects {}: {}", in_quotes(file.string()), error.what());
    }
    std::vector<KernelResources> found = parse_resource_usage(text);
    check(!found.empty(), "--objects {} holds no kernel: a library that nvcc made does (-DSWINGRAD_CUDA=ON)",
          in_quotes(file.string()));
    return found;
}

}  // namespace swingrad
