#include "cuda/emulator/machine/symbols.h"

#include "cuda/runtime/kernel_name.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace swingrad::cuda::emulator {
namespace {

struct Symbol {
    std::string name;  // mangled
    size_t value, bytes;
};
struct Module {
    std::string path;
    uintptr_t base = 0;
    std::vector<Symbol> functions, thread_locals;
    size_t bounds = 0, bound_count = 0;  // where addresses are of what lies before kernels with __launch_bounds__
};

// Calls visit(info) for the program and every library until it returns true.
template <class Visit>
void for_each_module(Visit visit) {
    dl_iterate_phdr([](dl_phdr_info* info, size_t, void* data) { return (*static_cast<Visit*>(data))(*info) ? 1 : 0; },
                    &visit);
}

// The module that holds a code address.
Module find_module(const void* address) {
    const auto wanted = reinterpret_cast<uintptr_t>(address);
    Module found;
    for_each_module([&](const dl_phdr_info& info) {
        for (int i = 0; i < info.dlpi_phnum; ++i) {
            const auto& header = info.dlpi_phdr[i];
            const uintptr_t begin = info.dlpi_addr + header.p_vaddr;
            if (header.p_type != PT_LOAD || wanted < begin || wanted >= begin + header.p_memsz) continue;
            found.path = *info.dlpi_name ? info.dlpi_name : "/proc/self/exe";
            found.base = info.dlpi_addr;
            return true;
        }
        return false;
    });
    return found;
}

void read_symbols(Module& module) {
    const int file = open(module.path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return;  // messages will do without names
    const auto bytes = static_cast<size_t>(lseek(file, 0, SEEK_END));
    void* const map = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (map == MAP_FAILED) return;
    const auto* image = static_cast<const char*>(map);
    const auto& header = *reinterpret_cast<const Elf64_Ehdr*>(image);
    const auto* sections = reinterpret_cast<const Elf64_Shdr*>(image + header.e_shoff);
    const char* const section_names = image + sections[header.e_shstrndx].sh_offset;
    for (int i = 0; i < header.e_shnum; ++i) {
        if (std::strcmp(section_names + sections[i].sh_name, "__patchable_function_entries") == 0) {
            module.bounds = sections[i].sh_addr;
            module.bound_count = sections[i].sh_size / sizeof(uintptr_t);
        }
        if (sections[i].sh_type != SHT_SYMTAB) continue;
        const char* const names = image + sections[sections[i].sh_link].sh_offset;
        const auto* symbols = reinterpret_cast<const Elf64_Sym*>(image + sections[i].sh_offset);
        for (size_t k = 0; k < sections[i].sh_size / sizeof(Elf64_Sym); ++k) {
            const auto& symbol = symbols[k];
            const char* const name = names + symbol.st_name;
            const auto type = ELF64_ST_TYPE(symbol.st_info);
            if (type == STT_FUNC && symbol.st_shndx != SHN_UNDEF)
                module.functions.push_back({name, symbol.st_value, symbol.st_size});
            else if (type == STT_TLS && symbol.st_size && std::strncmp(name, "_ZZ", 3) == 0)
                module.thread_locals.push_back({name, symbol.st_value, symbol.st_size});
        }
    }
    munmap(map, bytes);
}

// __launch_bounds__ (language/keywords.h): that many instructions of one byte, which do nothing, end where the kernel
// begins.
unsigned bound_of(const Module& module, const void* kernel) {
    const auto* const starts = reinterpret_cast<const uintptr_t*>(module.base + module.bounds);
    const auto end = reinterpret_cast<uintptr_t>(kernel);
    for (size_t i = 0; i < module.bound_count; ++i)
        if (starts[i] < end && end - starts[i] <= 1024 &&
            std::all_of(reinterpret_cast<const unsigned char*>(starts[i]), static_cast<const unsigned char*>(kernel),
                        [](unsigned char byte) { return byte == 0x90; }))
            return static_cast<unsigned>(end - starts[i]);
    return 0;
}

// A variable of function _ZF is called _ZZFE + its own name.
bool belongs_to(const Symbol& variable, const std::string& function) {
    const std::string_view body = std::string_view(function).substr(2),
                           name = std::string_view(variable.name).substr(3);
    return name.starts_with(body) && name.substr(body.size()).starts_with('E');
}

std::string variable_name(const Symbol& variable) {
    const std::string text = demangled(variable.name);  // "void f<float>(float*)::part"
    const size_t colons = text.rfind("::");
    if (colons == std::string::npos) return text;
    return fmt::format("{} of {}", text.substr(colons + 2), kernel_name(text.substr(0, colons)));
}

// The caller holds the lock.
std::mutex mutex;
const Module& module_of(const void* address) {
    static std::unordered_map<std::string, Module> modules;
    const Module found = find_module(address);
    const auto [entry, is_new] = modules.try_emplace(found.path, found);
    if (is_new) read_symbols(entry->second);
    return entry->second;
}

Kernel describe(const void* address) {
    const Module& module = module_of(address);
    Kernel kernel;
    kernel.module = module.base;
    kernel.most_threads = bound_of(module, address);
    std::string mangled;
    for (const Symbol& function : module.functions)
        if (module.base + function.value == reinterpret_cast<uintptr_t>(address)) mangled = function.name;
    kernel.name = mangled.empty() ? fmt::format("at {}", address) : kernel_name(mangled);
    for (const Symbol& variable : module.thread_locals) {
        const bool own = !mangled.empty() && belongs_to(variable, mangled);
        const std::string name = variable_name(variable);
        // Another kernel's variables are none of its business. By convention kernels are named so.
        const std::string function = name.substr(name.find(" of ") + 4);
        if (!own && function.substr(0, function.find('<')).ends_with("_kernel")) continue;
        kernel.shared.push_back({variable.value, variable.bytes, name});
        if (own) kernel.own_shared_bytes += variable.bytes;
    }
    std::sort(kernel.shared.begin(), kernel.shared.end(),
              [](const SharedVariable& a, const SharedVariable& b) { return a.offset < b.offset; });
    return kernel;
}

}  // namespace

const Kernel& kernel_at(const void* address) {
    static std::unordered_map<const void*, Kernel> kernels;
    const std::lock_guard lock(mutex);
    if (const auto known = kernels.find(address); known != kernels.end()) return known->second;
    return kernels.emplace(address, describe(address)).first->second;
}

std::string function_at(const void* code) {
    const std::lock_guard lock(mutex);
    const Module& module = module_of(code);
    const uintptr_t offset = reinterpret_cast<uintptr_t>(code) - module.base;
    for (const Symbol& function : module.functions)
        if (offset >= function.value && offset < function.value + function.bytes) return kernel_name(function.name);
    return "a function";
}

ThreadStorage thread_storage(uintptr_t module) {
    ThreadStorage storage;
    for_each_module([&](const dl_phdr_info& info) {
        if (info.dlpi_addr != module) return false;
        storage.begin = static_cast<char*>(info.dlpi_tls_data);
        for (int i = 0; i < info.dlpi_phnum; ++i)
            if (info.dlpi_phdr[i].p_type == PT_TLS) storage.bytes = info.dlpi_phdr[i].p_memsz;
        return true;
    });
    return storage;
}

}  // namespace swingrad::cuda::emulator
