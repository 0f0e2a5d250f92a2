// Notices a block that does not end: a timer of the thread's own processor time, by a signal (signals.cpp).
#pragma once

#include <ctime>

namespace swingrad::cuda::emulator {

constexpr int watch_signal = 26;  // SIGVTALRM, which nothing else here uses
constexpr int ticks_allowed = 8;  // of a block; so it is stopped within an eighth of the time that it may take

class Watch {
  public:
    Watch();  // of this thread
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void start(double seconds);  // a tick whenever an eighth of them has been used
    void stop();

  private:
    timer_t timer_{};
    bool there_ = false, running_ = false;
};

}  // namespace swingrad::cuda::emulator
