#include "train/run/interrupt.h"

#include <csignal>

namespace swingrad {
namespace {

volatile std::sig_atomic_t flag = 0;

void handle(int) { flag = 1; }

void install(int signal) {
    struct sigaction action = {};
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    // RESETHAND: whoever presses twice means it. RESTART: reads and writes under way are not disturbed.
    action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
    sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
    flag = 0;
    install(SIGINT);
    install(SIGTERM);
}

InterruptGuard::~InterruptGuard() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

bool interrupted() { return flag != 0; }

}  // namespace swingrad
