// How long a run will still take, from the epochs that it has done and the steps of this one.
#pragma once

#include <cstdint>
#include <deque>
#include <numeric>

namespace swingrad {

class TimeLeft {
  public:
    // An epoch took so many seconds from its first step to its report, of these so many for the steps.
    void epoch_took(double seconds, double seconds_of_steps) {
        whole_.push_back(seconds);
        beside_steps_.push_back(seconds - seconds_of_steps);
        for (std::deque<double>* each : {&whole_, &beside_steps_})
            if (each->size() > recent) each->pop_front();
    }

    // Of the epoch under way, at so many seconds a step: its steps to go, and what comes after them, as it was in the
    // last epochs. Then `epochs_to_go` others, as long as these were, or, where none is done yet, as the steps of one.
    double of(double seconds_a_step, int64_t steps_to_go, int64_t steps_an_epoch, int64_t epochs_to_go) const {
        const double epoch = whole_.empty() ? seconds_a_step * static_cast<double>(steps_an_epoch) : mean(whole_);
        return seconds_a_step * static_cast<double>(steps_to_go) + (whole_.empty() ? 0 : mean(beside_steps_)) +
               epoch * static_cast<double>(epochs_to_go);
    }

  private:
    static constexpr size_t recent = 5;  // epochs that count: a machine may have others to serve by now
    static double mean(const std::deque<double>& seconds) {
        return std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
    }
    std::deque<double> whole_, beside_steps_;
};

}  // namespace swingrad
