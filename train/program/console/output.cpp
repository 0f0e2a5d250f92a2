#include "train/program/console/output.h"

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/quotes.h"
#include "core/io/retried.h"
#include "train/program/console/interrupt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace swingrad {
namespace {

[[noreturn]] void fail_to_print(int error) {
    fail("cannot write to standard output{}", error == 0 ? "" : ": " + std::generic_category().message(error));
}

// Of a fixed place, for it is asked for where there is no memory, and after the end of main.
constinit std::array<char, 64> name_of_program{"swingrad"};

std::atomic<bool> silent{false};

// 0 where all has gone out.
int flush() {
    errno = 0;
    return std::fflush(stdout) == 0 ? 0 : errno;
}

}  // namespace

// Opened the wrong way round, for writing what is to be read: so it serves for nothing but its number.
void reserve_standard_descriptors() {
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(descriptor, F_GETFD) >= 0) continue;
        const int flags = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        (void)!retried([&] { return open("/dev/null", flags); });  // gets the lowest number that is free: this one
    }
}

void flush_output() {
    const int error = flush();
    if (error != 0 || std::ferror(stdout) != 0) fail_to_print(error);
}

void be_silent() { silent = true; }
bool is_silent() { return silent; }

bool print_line(const std::string& line) {
    if (silent) return true;
    errno = 0;
    const bool taken = std::fputs((line + "\n").c_str(), stdout) >= 0;
    const int error = taken ? flush() : errno;
    if (taken && error == 0) return true;
    if (error == EPIPE && interrupted()) return false;
    fail_to_print(error);
}

bool is_standard_output(const std::filesystem::path& path) {
    struct stat one {
    }, ours{};
    return stat(path.c_str(), &one) == 0 && fstat(STDOUT_FILENO, &ours) == 0 && one.st_dev == ours.st_dev &&
           one.st_ino == ours.st_ino;
}

void require_replaceable(const std::string& flag, const std::filesystem::path& path, std::string_view beginning) {
    std::error_code unknown;
    check(!std::filesystem::is_directory(path, unknown), "{} {} is a folder", flag, path.string());
    if (!std::filesystem::is_regular_file(path, unknown)) return;
    const InputFile file(path);
    std::string bytes(std::min<uint64_t>(beginning.size(), file.size()), '\0');
    file.read(0, bytes.data(), bytes.size());
    check(beginning.starts_with(bytes), "{} {} is there already, and holds something else: choose another", flag,
          path.string());
}

void write_output(const std::filesystem::path& path, std::string_view text) {
    if (is_standard_output(path)) {  // by its own descriptor: what was printed before stays before
        std::fwrite(text.data(), 1, text.size(), stdout);
        flush_output();
        return;
    }
    struct stat status {};
    const bool flows = stat(path.c_str(), &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode));
    if (!flows) return write_file_atomically(path, text);
    // O_NONBLOCK: opening a pipe must not wait for somebody to read.
    const int descriptor = retried([&] { return open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); });
    std::FILE* file = descriptor < 0 ? nullptr : fdopen(descriptor, "w");
    const int error = errno;
    if (!file && descriptor >= 0) close(descriptor);
    check(file != nullptr, "[file] {}: cannot write: {}", path.string(),
          error == ENXIO ? "nobody reads this pipe" : std::generic_category().message(error));
    fcntl(descriptor, F_SETFL, 0);  // from here on it may wait
    const bool taken = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const bool whole = std::fclose(file) == 0 && taken;
    check(whole, "[file] {}: cannot write: {}", path.string(), std::generic_category().message(errno));
}

void complain(const std::string& text) {
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
}

void set_program_name(std::string_view name) {
    name_of_program.fill('\0');
    name.copy(name_of_program.data(), name_of_program.size() - 1);
}

const char* program_name() { return name_of_program.data(); }

void warn(const std::string& text) {
    if (!silent) complain(fmt::format("{}: {}\n", program_name(), on_one_line(text)));
}

}  // namespace swingrad
