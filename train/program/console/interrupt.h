// Ctrl-C without losing the step: the signal sets a flag, the loop looks at it between steps.
#pragma once

#include "core/error.h"

#include <array>
#include <csignal>

namespace swingrad {

// While one of these lives, the first SIGINT, SIGTERM or SIGHUP only sets the flag; a second one ends the process as
// usual. SIGPIPE, of a reader that has gone, sets it too, however often it comes. One within another changes nothing: a
// signal that came before the inner one is not forgotten. A signal that the process was started to ignore, as by nohup,
// stays ignored.
class InterruptGuard {
  public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

  private:
    static constexpr std::array signals{SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    std::array<struct sigaction, signals.size()> before_{};  // restored at the end
};

bool interrupted();

// What was under way and cannot be finished, since the program was asked to end. run_commands ends with
// exit_interrupted() where nobody catches it before.
class EndedBySignal : public Error {
  public:
    using Error::Error;
};

// What a shell reports of a program that this signal ended: 130 after Ctrl-C, 143 after SIGTERM, 141 after SIGPIPE.
int exit_interrupted();

}  // namespace swingrad
