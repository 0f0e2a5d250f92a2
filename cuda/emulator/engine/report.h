// The emulator's messages: one line, kernel, block and thread first.
#pragma once

#include "cuda/emulator/language/keywords.h"
#include "cuda/emulator/language/launch.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace swingrad::cuda::emulator {

std::string text_of(Site site);           // "cuda/norm/softmax.cu:40"
std::string text_of(const uint3& index);  // "(0,0,0)"
std::string text_of(const dim3& size);
std::string text_of_spinning();
std::string text_of_launch(const Launch& launch);  // "launched at tests/norm/test_softmax.cpp:12 with grid (1,1,1) ..."

}  // namespace swingrad::cuda::emulator

// Formatted as they are, so that a kernel that is given up leaves no text behind (Block::fail).
template <>
struct fmt::formatter<swingrad::cuda::emulator::Site> : fmt::formatter<std::string_view> {
    auto format(swingrad::cuda::emulator::Site site, fmt::format_context& context) const {
        return fmt::formatter<std::string_view>::format(swingrad::cuda::emulator::text_of(site), context);
    }
};
