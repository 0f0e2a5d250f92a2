// bench_products: runs the benchmark that was compiled for the instruction set that is used.
#include "core/error.h"
#include "core/instruction_set/instruction_set.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>

int main(int, char** argv) try {
    const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe");
    const std::string other = own.parent_path() / fmt::format("bench_products_{}", swingrad::instruction_set());
    execv(other.c_str(), argv);
    swingrad::fail("cannot run {}", other);
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_products: %s\n", error.what());
    return 1;
}
