// What a person sees while a run goes on: a bar on a terminal, nothing but whole lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace swingrad {

class Progress {
  public:
    Progress();
    ~Progress() { clear(); }

    // One unit of work of the bar: `done` of `total`, with what is known in `text`, and the time left in all.
    // Draws at most ten times a second, and only on a terminal.
    void show(const std::string& label, int64_t done, int64_t total, const std::string& text, double seconds_left);
    // A line that stays, on standard output. Returns and throws what print_line does (train/program/console/output.h).
    // This and the others show what a terminal would obey as escapes.
    bool line(const std::string& text);
    // A line that stays, on standard error, after the program's name.
    void warning(const std::string& text);
    void clear();  // takes the bar away

  private:
    bool terminal_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point last_{};
};

// "4 s", "3 min 20 s", "2 h 05 min"
std::string duration_text(double seconds);

// "28,347,154"
std::string grouped(int64_t number);

// The bar itself, `width` columns: "[=====>    ]"
std::string bar_text(int64_t done, int64_t total, int width);

}  // namespace swingrad
