#include "train/program/console/interrupt.h"

#include <atomic>

namespace swingrad {
namespace {

// Lock-free, so that a handler may write it, and seen by every thread.
std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free);
int guards = 0;  // that live

// The first one counts: what is said of it may be what finds that the reader has gone too.
void handle(int signal) {
    int none = 0;
    received.compare_exchange_strong(none, signal);
}

void install(int signal, struct sigaction& before) {
    struct sigaction action = {};
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    // RESTART: reads and writes under way are not disturbed. RESETHAND: a second Ctrl-C ends the program at once; but
    // SIGPIPE comes with every line that nobody reads.
    action.sa_flags = SA_RESTART | (signal == SIGPIPE ? 0 : static_cast<int>(SA_RESETHAND));
    sigaction(signal, nullptr, &before);
    // Whoever started the program may have had it ignore the signal: nohup does that with SIGHUP.
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
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
