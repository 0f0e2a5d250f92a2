// Faults of a kernel (an address that is not there, a division by zero) become the launch's error, and so does a block
// that does not end.
#pragma once

namespace swingrad::cuda::emulator {

void catch_signals();  // as long as ours are still installed, costs one system call

// A stack for signal handlers, so that one may run where the kernel's own stack is full. Returns nullptr where this
// thread has one already.
void* install_signal_stack();
void remove_signal_stack(void* stack);

}  // namespace swingrad::cuda::emulator
