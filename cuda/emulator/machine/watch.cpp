#include "cuda/emulator/machine/watch.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace swingrad::cuda::emulator {

static_assert(watch_signal == SIGVTALRM);

Watch::Watch() {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = watch_signal;
    event._sigev_un._tid = gettid();  // glibc has no name for it before 2.35
    there_ = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0;
}
Watch::~Watch() {
    if (there_) timer_delete(timer_);
}

void Watch::start(double seconds) {
    if (!there_ || !(seconds > 0) || seconds > 1e9) return;
    const double tick = std::max(seconds / ticks_allowed, 1e-4);
    itimerspec times{};
    times.it_interval.tv_sec = static_cast<time_t>(tick);
    times.it_interval.tv_nsec = static_cast<long>(std::fmod(tick, 1) * 1e9);
    times.it_value = times.it_interval;
    running_ = timer_settime(timer_, 0, &times, nullptr) == 0;
}
void Watch::stop() {
    if (!std::exchange(running_, false)) return;
    const itimerspec none{};
    timer_settime(timer_, 0, &none, nullptr);
}

}  // namespace swingrad::cuda::emulator
