#include "core/instruction_set/instruction_set.h"

#include "core/error.h"

#include <dlfcn.h>
#include <fmt/ranges.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace swingrad {
namespace {

constexpr std::array sets = {"amx", "avx512-bf16", "avx512", "avx2", "plain"};  // the best first

#if defined(__x86_64__)
struct Leaf {
    unsigned a = 0, b = 0, c = 0, d = 0;
};
Leaf cpuid(unsigned leaf, unsigned part) {
    Leaf found;
    __get_cpuid_count(leaf, part, &found.a, &found.b, &found.c, &found.d);
    return found;
}

// Tiles are 8 KB of state a thread, so that Linux wants to be asked once before a process may use them. Containers and
// old kernels refuse.
bool tiles_permitted() {
    constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM and the state's number
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

bool is_intel() { return cpuid(0, 0).b == 0x756e6547; }  // "Genu"
#endif

// The folder of this library. It is not asked of the loader: an interposed dlopen looks beside itself.
std::filesystem::path own_folder() {
    Dl_info info{};
    dladdr(reinterpret_cast<const void*>(&own_folder), &info);
    std::error_code unknown;
    const std::filesystem::path file = info.dli_fname ? info.dli_fname : "";
    const std::filesystem::path real = std::filesystem::canonical(file, unknown);  // it may be found by a link
    return (unknown ? file : real).parent_path();
}
std::filesystem::path library_of(const std::string& name) {
    return own_folder() / fmt::format("libswingrad_{}.so.{}", name, SWINGRAD_SOVERSION);
}
bool is_built(const std::string& set) { return detail::is_beside("fast_" + set); }

std::string load() {
    std::string set =
        detail::choose_instruction_set(std::getenv("SWINGRAD_ISA"), detail::has_instruction_set, is_built);
    if (set == "none") {
        fmt::print(stderr, "swingrad: there is no libswingrad_fast_*.so.{} in {}: computing by plain loops, slowly\n",
                   SWINGRAD_SOVERSION, own_folder().string());
        return set;
    }
    detail::load_beside("fast_" + set);
    return set;
}

}  // namespace

namespace detail {

bool is_beside(const std::string& name) {
    std::error_code none;
    return std::filesystem::exists(library_of(name), none);
}
void load_beside(const std::string& name) {
    if (!dlopen(library_of(name).c_str(), RTLD_NOW | RTLD_LOCAL))
        fail("[swingrad] cannot load {}: {}", library_of(name).string(), dlerror());
}

bool has_instruction_set(const std::string& name) {
    if (name == "plain") return true;
#if defined(__x86_64__)
    __builtin_cpu_init();
    // What -march=x86-64-v3 lets the compiler use besides: MOVBE and F16C, LZCNT (elsewhere the same bytes are another
    // instruction), BMI1.
    const bool small = (~cpuid(1, 0).c & (1u << 22 | 1u << 29)) == 0 && (cpuid(0x80000001, 0).c & 1u << 5) != 0 &&
                       (cpuid(7, 0).b & 1u << 3) != 0;
    const bool avx2 =
        small && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    if (name == "avx2") return avx2;
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    if (name == "avx512") return avx512;
    const bool pairs = avx512 && (cpuid(7, 1).a & 1u << 5) != 0;
    if (name == "avx512-bf16") return pairs;
    constexpr unsigned tiles_of_bfloat16 = 1u << 22, tiles = 1u << 24;
    if (name == "amx") return pairs && (~cpuid(7, 0).d & (tiles_of_bfloat16 | tiles)) == 0 && tiles_permitted();
#endif
    return false;
}

std::string choose_instruction_set(const char* wanted, bool (*has)(const std::string&),
                                   bool (*built)(const std::string&)) {
    if (wanted && *wanted) {
        const std::string name = wanted;
        check(std::find(sets.begin(), sets.end(), name) != sets.end(), "SWINGRAD_ISA must be one of {}, got '{}'",
              fmt::join(sets.rbegin(), sets.rend(), ", "), name);
        check(has(name), "SWINGRAD_ISA is {}, which this processor or its system does not have", name);
        check(built(name), "SWINGRAD_ISA is {}, for which no fast paths were built", name);
        return name;
    }
    for (const std::string name : sets) {
#if defined(__x86_64__)
        // On Intel's processors the instruction has half the speed of float's, so that bfloat16 widened to float is
        // faster: 224 against 109 GFLOP/s a core of one that has AMX, which is faster than either.
        if (name == "avx512-bf16" && is_intel() && built("avx512")) continue;
#endif
        if (built(name) && has(name)) return name;
    }
    return "none";
}

}  // namespace detail

const std::string& instruction_set() {
    static const std::string chosen = load();
    return chosen;
}

}  // namespace swingrad
