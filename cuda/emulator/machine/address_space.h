// Where device memory lies: every allocation far from every other, and addresses that were given back not used again
// for long. So an index that is wrong by all that 32 bits hold falls on no other allocation, and a pointer kept for too
// long is a fault.
//
// At the start a large part of the address space is set aside, which costs nothing, and cut into slots of 16 GiB. An
// allocation lies in the middle of one, and slots are taken in turn. What is too large for that, or comes when no slot
// is free, gets pages wherever the system has some.
#pragma once

#include <cstddef>

namespace swingrad::cuda::emulator {

constexpr size_t page = 4096;

// Whole pages that may be touched, between pages that may not; nullptr where there are none.
char* take_pages(size_t bytes);
void give_back_pages(char* pages, size_t bytes);  // touching them is a fault from now on

}  // namespace swingrad::cuda::emulator
