// A kernel's name as people say it.
#pragma once

#include <string>

namespace swingrad::cuda {

// Of a symbol, "_ZN8swingrad4cuda...": "void swingrad::cuda::(anonymous namespace)::softmax_kernel<float>(float*)".
// What is no such name stays as it is.
std::string demangled(const std::string& symbol);
// Of that: "softmax_kernel<float>", without namespaces, result and parameters.
std::string kernel_name(const std::string& symbol);

}  // namespace swingrad::cuda
