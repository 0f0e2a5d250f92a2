#include "cuda/emulator/engine/places.h"

#ifdef SWINGRAD_KERNEL_CHECK

#include "cuda/emulator/engine/report.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace swingrad::cuda::emulator::checker {

std::string source_line(const void* code) {
    Dl_info info{};
    if (!dladdr(code, &info)) return "?";
    link_map* module = nullptr;
    dladdr1(code, &info, reinterpret_cast<void**>(&module), RTLD_DL_LINKMAP);
    const std::string path =
        module && *module->l_name ? module->l_name : std::filesystem::read_symlink("/proc/self/exe");
    // -1: a return address is that of the instruction after the call.
    const auto offset = reinterpret_cast<uintptr_t>(code) - 1 - (module ? module->l_addr : 0);
    std::string line;
    if (FILE* pipe = popen(fmt::format("addr2line -e '{}' {:#x} 2>/dev/null", path, offset).c_str(), "r")) {
        for (int c; (c = std::fgetc(pipe)) != EOF && c != '\n' && c != ' ';) line += static_cast<char>(c);
        pclose(pipe);
    }
    const size_t colon = line.rfind(':');
    if (colon == std::string::npos || line.front() == '?') return "a line unknown";
    const std::string file = line.substr(0, colon);
    return text_of(Site{file.c_str(), static_cast<unsigned>(std::atoi(line.c_str() + colon + 1))});
}

bool in_loaded_module(uintptr_t address) {
    struct Search {
        uintptr_t wanted;
        bool found;
    } search{address, false};
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* data) {
            auto& of = *static_cast<Search*>(data);
            for (int i = 0; i < info->dlpi_phnum && !of.found; ++i) {
                const auto& header = info->dlpi_phdr[i];
                const uintptr_t begin = info->dlpi_addr + header.p_vaddr;
                of.found = header.p_type == PT_LOAD && of.wanted >= begin && of.wanted < begin + header.p_memsz;
            }
            return of.found ? 1 : 0;
        },
        &search);
    return search.found;
}

const SharedVariable* variable_at(const Kernel& kernel, size_t offset) {
    const auto next = std::upper_bound(kernel.shared.begin(), kernel.shared.end(), offset,
                                       [](size_t wanted, const SharedVariable& of) { return wanted < of.offset; });
    if (next == kernel.shared.begin()) return nullptr;
    const SharedVariable& variable = *std::prev(next);
    return offset < variable.offset + variable.bytes ? &variable : nullptr;
}

}  // namespace swingrad::cuda::emulator::checker

#endif
