#include "train/program/console/progress.h"

#include "core/io/quotes.h"
#include "train/program/console/output.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace swingrad {
namespace {

constexpr auto redraw_interval = std::chrono::milliseconds(100);

size_t terminal_columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::show(const std::string& label, int64_t done, int64_t total, const std::string& text,
                    double seconds_left) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || is_silent() || (now - last_ < redraw_interval && done < total)) return;
    last_ = now;
    std::string line = on_one_line(fmt::format("{} {} {}/{}  {}", label, bar_text(done, total, 20), done, total, text));
    if (seconds_left > 0) line += "  " + duration_text(seconds_left) + " left";
    // A line that wraps cannot be drawn over again.
    line.resize(std::min(line.size(), terminal_columns() - 1));
    complain("\r" + line + "\x1b[K");  // ESC [ K clears what an earlier, longer line left behind
    drawn_ = true;
}

bool Progress::line(const std::string& text) {
    clear();
    return print_line(on_one_line(text));
}

void Progress::warning(const std::string& text) {
    clear();
    warn(text);
}

void Progress::clear() {
    if (!drawn_) return;
    complain("\r\x1b[K");
    drawn_ = false;
}

std::string duration_text(double seconds) {
    const auto whole = static_cast<int64_t>(std::llround(std::clamp(seconds, 0.0, 1e9)));
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string grouped(int64_t number) {
    std::string digits = std::to_string(number);
    for (auto i = static_cast<int64_t>(digits.size()) - 3; i > (number < 0); i -= 3)
        digits.insert(static_cast<size_t>(i), 1, ',');
    return digits;
}

std::string bar_text(int64_t done, int64_t total, int width) {
    const auto filled = total > 0 ? static_cast<size_t>(done * width / total) : 0;
    std::string bar(static_cast<size_t>(width), ' ');
    std::fill_n(bar.begin(), filled, '=');
    if (filled < bar.size()) bar[filled] = '>';
    return "[" + bar + "]";
}

}  // namespace swingrad
