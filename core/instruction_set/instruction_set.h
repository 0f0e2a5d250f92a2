// Which instructions the fast paths use: chosen when the program starts, not when it is compiled.
//
// Each set is a library of its own, libswingrad_fast_<set>.so beside libswingrad_core.so, with the same fast paths and
// products compiled for it:
//
//   plain         vectors of 4 floats: what all else is compiled for, x86-64-v2 or the architecture's baseline
//   avx2          vectors of 8 floats, multiplied and added at once
//   avx512        vectors of 16 floats
//   avx512-bf16   pairs of bfloat16 multiplied and added to a float
//   amx           tiles of 16 x 32 bfloat16
//
// The best that the processor has is taken; of Intel's, which multiply pairs at half the speed, avx512 before
// avx512-bf16. SWINGRAD_ISA in the environment names a lesser one, to compare or to get the bits of another machine:
// results have the same bits for one set, not from one set to another.
#pragma once

#include <string>

namespace swingrad {

// The name of the set that is used, such as "avx512"; "none" where no library of fast paths was found: then all is
// computed by plain loops. The first call, or the first operation with a fast path, loads the library. Throws an Error
// where SWINGRAD_ISA names no set, one that this processor or system lacks, or one that was not built.
const std::string& instruction_set();

namespace detail {

// A library that this project's others do not link, libswingrad_<name>.so beside libswingrad_core.so: whether it is
// there; and loading it, whereupon its static variables declare what it holds. Throws an Error where it cannot be.
bool is_beside(const std::string& name);
void load_beside(const std::string& name);

// Whether this processor, and the system, let a program use the set of that name.
bool has_instruction_set(const std::string& name);
// The set to load: SWINGRAD_ISA's (`wanted`; null or empty: none), else the best of those that `has` and `built` allow.
std::string choose_instruction_set(const char* wanted, bool (*has)(const std::string&),
                                   bool (*built)(const std::string&));

}  // namespace detail

}  // namespace swingrad
