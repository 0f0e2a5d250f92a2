// The emulator's messages: one line, kernel, block and thread first.
#pragma once

#include "cuda/emulator/language/keywords.h"
#include "cuda/emulator/language/launch.h"

#include <string>

namespace swingrad::cuda::emulator {

std::string text_of(Site site);           // "cuda/softmax.cu:40"
std::string text_of(const uint3& index);  // "(0,0,0)"
std::string text_of(const dim3& size);
std::string text_of_launch(const Launch& launch);  // "launched at tests/test_softmax.cpp:12 with grid (1,1,1), ..."

}  // namespace swingrad::cuda::emulator
