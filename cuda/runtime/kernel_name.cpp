#include "cuda/runtime/kernel_name.h"

#include <cxxabi.h>

#include <cstdlib>
#include <string_view>

namespace swingrad::cuda {

std::string demangled(const std::string& symbol) {
    if (!symbol.starts_with("_Z")) return symbol;
    int status = 0;
    char* const text = abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status);
    std::string result = status == 0 ? text : symbol;
    std::free(text);
    return result;
}

std::string kernel_name(const std::string& symbol) {
    std::string text = demangled(symbol);
    for (const std::string_view noise : {"swingrad::", "cuda::", "(anonymous namespace)::"})
        for (size_t at; (at = text.find(noise)) != std::string::npos;) text.erase(at, noise.size());
    if (const size_t parameters = text.find('('); parameters != std::string::npos) text.erase(parameters);
    const size_t result = text.substr(0, text.find('<')).find(' ');  // a template's name begins with its result
    return result == std::string::npos ? text : text.substr(result + 1);
}

}  // namespace swingrad::cuda
