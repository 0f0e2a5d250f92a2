#include "train/program/console/interrupt.h"

#include <atomic>

namespace swingrad {
namespace {

// Lock-free, so that a handler may write it, and seen by every thread.
std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free);
int guards = 0;  // that live

void handle(int signal) { received = signal; }

void install(int signal, struct sigaction& before) {
    struct sigaction action = {};
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    // RESETHAND: a second Ctrl-C ends the program at once. RESTART: reads and writes under way are not disturbed.
    action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
    sigaction(signal, &action, &before);
}

}  // namespace

InterruptGuard::InterruptGuard() {
    if (guards++ > 0) return;
    received = 0;
    for (size_t i = 0; i < signals.size(); ++i) install(signals[i], before_[i]);
}

InterruptGuard::~InterruptGuard() {
    if (--guards > 0) return;
    for (size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before_[i], nullptr);
}

bool interrupted() { return received != 0; }

int exit_interrupted() { return 128 + received; }

}  // namespace swingrad
