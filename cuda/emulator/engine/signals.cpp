#include "cuda/emulator/engine/signals.h"

#include "cuda/emulator/engine/block.h"

#include <signal.h>
#include <sys/mman.h>

#include <array>
#include <atomic>

namespace swingrad::cuda::emulator {
namespace {

constexpr size_t signal_stack_bytes = 64 << 10;
constexpr std::array signals{SIGSEGV, SIGBUS, SIGFPE};  // of faults
std::array<struct sigaction, 3> others{};               // the handlers installed before ours
std::atomic<int> passed_on{0};

// Not a kernel's fault: the handler that was installed before is called.
void pass_on(int signal) {
    struct sigaction next {};
    next.sa_handler = SIG_DFL;
    // Some handlers put back what they found, which may be ours. The second time the default action is taken.
    if (passed_on++ == 0)
        for (size_t i = 0; i < signals.size(); ++i)
            if (signals[i] == signal) next = others[i];
    sigaction(signal, &next, nullptr);
    raise(signal);
}

void on_signal(int signal, siginfo_t* information, void*) {
    Block* const block = running_block;
    if (!block) return pass_on(signal);
    if (signal == SIGFPE) block->fail("integer division by zero");
    const void* const address = information->si_addr;
    if (block->is_stack(address)) block->fail("the stack is full: a thread has {} KiB", stack_bytes >> 10);
    block->fail_at(address);
}

// A block that spins may hold up everything for ever: it is left from where it is, as after a fault.
void on_tick(int) {
    if (running_block) running_block->tick();
}

}  // namespace

void catch_signals() {
    struct sigaction now {};
    sigaction(SIGSEGV, nullptr, &now);
    if (now.sa_sigaction == on_signal) return;
    struct sigaction ours {};
    ours.sa_sigaction = on_signal;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &ours, &others[i]);
    struct sigaction watch {};
    watch.sa_handler = on_tick;
    watch.sa_flags = SA_ONSTACK | SA_NODEFER | SA_RESTART;
    sigaction(watch_signal, &watch, nullptr);
}

void* install_signal_stack() {
    stack_t now{};
    if (sigaltstack(nullptr, &now) != 0 || !(now.ss_flags & SS_DISABLE)) return nullptr;
    void* const memory = mmap(nullptr, signal_stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    stack_t ours{};
    ours.ss_sp = memory;
    ours.ss_size = signal_stack_bytes;
    sigaltstack(&ours, nullptr);
    return memory;
}

void remove_signal_stack(void* stack) {
    if (!stack) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    munmap(stack, signal_stack_bytes);
}

}  // namespace swingrad::cuda::emulator
