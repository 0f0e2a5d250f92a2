// The emulator's second build, which looks at every access (cuda/emulator/engine/checker.h).
#pragma once

namespace swingrad {

// Starts this program again, with the same arguments, with that library in the place of the other, where it lies beside
// it in `checked/`: then it does not return. Returns where there is none.
void run_with_checked_library();

}  // namespace swingrad
