// Ctrl-C without losing the step: the signal sets a flag, the loop looks at it between steps.
#pragma once

#include <array>
#include <csignal>

namespace swingrad {

// While one of these lives, the first SIGINT, SIGTERM or SIGHUP only sets the flag; a second one ends the process as
// usual. One within another changes nothing: a signal that came before the inner one is not forgotten.
class InterruptGuard {
  public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

  private:
    static constexpr std::array signals{SIGINT, SIGTERM, SIGHUP};
    std::array<struct sigaction, signals.size()> before_{};  // restored at the end
};

bool interrupted();

// What a shell reports of a program that this signal ended: 130 after Ctrl-C, 143 after SIGTERM.
int exit_interrupted();

}  // namespace swingrad
