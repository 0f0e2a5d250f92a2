// Input and output are files in memory rather than pipes: a pipe has to be read and written at once, or both sides
// wait, and writing to a program that has ended raises SIGPIPE.

#include "train/program/report/process.h"

#include "core/io/retried.h"
#include "train/program/console/interrupt.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

extern char** environ;

namespace swingrad {
namespace {

class MemoryFile {
  public:
    explicit MemoryFile(const char* name) : descriptor_(memfd_create(name, MFD_CLOEXEC)) {
        check(descriptor_ >= 0, "[process] cannot make a file in memory: {}", std::strerror(errno));
    }
    ~MemoryFile() { close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    int descriptor() const { return descriptor_; }

    void fill(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t written = retried([&] { return write(descriptor_, bytes.data(), bytes.size()); });
            check(written > 0, "[process] cannot write to memory: {}", std::strerror(errno));
            bytes.remove_prefix(static_cast<size_t>(written));
        }
        lseek(descriptor_, 0, SEEK_SET);
    }

    // Asked without moving where the other process writes.
    size_t size() const {
        struct stat status {};
        return fstat(descriptor_, &status) == 0 && status.st_size > 0 ? static_cast<size_t>(status.st_size) : 0;
    }

    std::string contents() const {
        std::string bytes(size(), '\0');
        size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t count = retried(
                [&] { return pread(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done)); });
            check(count > 0, "[process] cannot read from memory: {}", std::strerror(errno));
            done += static_cast<size_t>(count);
        }
        return bytes;
    }

  private:
    int descriptor_;
};

// Standard input, output and error of the program to be, and a process group of its own.
class Surroundings {
  public:
    Surroundings(const MemoryFile& input, const MemoryFile& output, const MemoryFile& error) {
        posix_spawn_file_actions_init(&files_);
        posix_spawn_file_actions_adddup2(&files_, input.descriptor(), STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files_, output.descriptor(), STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&files_, error.descriptor(), STDERR_FILENO);
        posix_spawnattr_init(&attributes_);
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP);
        posix_spawnattr_setpgroup(&attributes_, 0);
    }
    ~Surroundings() {
        posix_spawn_file_actions_destroy(&files_);
        posix_spawnattr_destroy(&attributes_);
    }
    Surroundings(const Surroundings&) = delete;
    Surroundings& operator=(const Surroundings&) = delete;

    // 0, or what went wrong, as errno has it.
    int start(char* const* arguments, pid_t& process) const {
        return posix_spawnp(&process, arguments[0], &files_, &attributes_, arguments, environ);
    }

  private:
    posix_spawn_file_actions_t files_;
    posix_spawnattr_t attributes_;
};

std::string first_line(const std::string& text) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string::npos ? "" : text.substr(begin, text.find('\n', begin) - begin);
}

// The program that was started. Whatever ends the waiting ends it too, with all it started itself.
class Running {
  public:
    Running(std::string program, pid_t process) : program_(std::move(program)), process_(process) {}
    ~Running() {
        if (ended_) return;
        kill(-process_, SIGKILL);  // its group
        retried([&] { return waitpid(process_, nullptr, 0); });
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    // Its exit status, as waitpid has it. `check_on_it` is called every few milliseconds and may throw.
    template <class Check>
    int wait(const Check& check_on_it) {
        using namespace std::chrono_literals;
        for (auto pause = 1ms;; pause = std::min<std::chrono::milliseconds>(2 * pause, 20ms)) {
            int status = 0;
            const pid_t result = retried([&] { return waitpid(process_, &status, WNOHANG); });
            ended_ = result != 0;
            check(result >= 0, "[process] lost {}: {}", program_, std::strerror(errno));
            if (ended_) return status;
            check_on_it();
            std::this_thread::sleep_for(pause);
        }
    }

  private:
    const std::string program_;
    const pid_t process_;
    bool ended_ = false;
};

constexpr size_t most_output = size_t{256} << 20;

}  // namespace

std::string output_of(const std::vector<std::string>& arguments, std::string_view input, std::chrono::seconds limit) {
    const std::string& program = arguments.at(0);
    MemoryFile from("input"), to("output"), complaints("error");
    from.fill(input);

    std::vector<char*> words;
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    // The program has a process group of its own, so a signal from the terminal comes here alone.
    const InterruptGuard guard;
    pid_t process = 0;
    const int problem = Surroundings(from, to, complaints).start(words.data(), process);
    if (problem == ENOENT) throw NotInstalled(fmt::format("[process] {} is not installed", program));
    check(problem == 0, "[process] cannot start {}: {}", program, std::strerror(problem));

    const auto start = std::chrono::steady_clock::now();
    const int status = Running(program, process).wait([&] {
        if (interrupted()) throw EndedBySignal(fmt::format("[process] {} was ended, as this program is", program));
        check(std::chrono::steady_clock::now() - start < limit, "[process] {} was ended, not being done within {} s",
              program, limit.count());
        check(std::max(to.size(), complaints.size()) <= most_output, "[process] {} was ended, saying more than {} MiB",
              program, most_output >> 20);
    });
    check(!WIFSIGNALED(status), "[process] {} was ended by signal {}", program, WTERMSIG(status));
    check(WEXITSTATUS(status) == 0, "[process] {} failed with {}: {}", program, WEXITSTATUS(status),
          first_line(complaints.contents()));
    return to.contents();
}

}  // namespace swingrad
