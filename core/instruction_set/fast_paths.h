// Where the fast paths of a library that is loaded (core/instruction_set/instruction_set.h) declare themselves, and
// where operations find them. ops/operation.h gives both their types.
#pragma once

#include <typeinfo>

namespace swingrad {

// Functions of a `const Op&`, such as LayerNormOp<float>, whose type whoever declares and whoever calls know. Null:
// there is none.
struct AnyFastPath {
    void (*forward)() = nullptr;
    void (*backward)() = nullptr;
};

// From a static variable, or before the operation runs for the first time. The one declared last counts.
void declare_fast_path(const std::type_info& op, AnyFastPath path);

// The fast path for arguments of that type. The first call chooses and loads the instruction set.
AnyFastPath fast_path_of(const std::type_info& op);

}  // namespace swingrad
