// What a file is that is not what was expected, told by how it begins.
#pragma once

#include <string>
#include <string_view>

namespace swingrad {

// "a Git LFS pointer, which stands for a file of 113000000 bytes: git lfs pull fetches it"; with how to come by what
// was wanted, where that is known. Empty where nothing is: then it may be anything, also JSON or safetensors.
// `beginning` should be 4 KiB, or all there is.
std::string kind_of_file(std::string_view beginning);

}  // namespace swingrad
