// Ctrl-C without losing the step: the signal sets a flag, the loop looks at it between steps.
#pragma once

namespace swingrad {

// While one of these lives, the first SIGINT or SIGTERM only sets the flag; a second one ends the process as usual.
class InterruptGuard {
  public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;
};

bool interrupted();

// What a shell reports of a program that Ctrl-C ended.
constexpr int exit_interrupted = 130;

}  // namespace swingrad
