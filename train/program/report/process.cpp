// Input and output are files in memory rather than pipes: a pipe has to be read and written at once, or both sides
// wait, and writing to a program that has ended raises SIGPIPE.

#include "train/program/report/process.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

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
            const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            check(written > 0, "[process] cannot write to memory: {}", std::strerror(errno));
            bytes.remove_prefix(static_cast<size_t>(written));
        }
        lseek(descriptor_, 0, SEEK_SET);
    }

    std::string contents() const {
        const off_t size = lseek(descriptor_, 0, SEEK_END);
        std::string bytes(static_cast<size_t>(size > 0 ? size : 0), '\0');
        size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t count =
                pread(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
            if (count < 0 && errno == EINTR) continue;
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

}  // namespace

std::string output_of(const std::vector<std::string>& arguments, std::string_view input) {
    const std::string& program = arguments.at(0);
    MemoryFile from("input"), to("output"), complaints("error");
    from.fill(input);

    std::vector<char*> words;
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    pid_t process = 0;
    const int problem = Surroundings(from, to, complaints).start(words.data(), process);
    if (problem == ENOENT) throw NotInstalled(fmt::format("[process] {} is not installed", program));
    check(problem == 0, "[process] cannot start {}: {}", program, std::strerror(problem));

    int status = 0;
    while (waitpid(process, &status, 0) < 0)
        check(errno == EINTR, "[process] lost {}: {}", program, std::strerror(errno));
    check(!WIFSIGNALED(status), "[process] {} was ended by signal {}", program, WTERMSIG(status));
    check(WEXITSTATUS(status) == 0, "[process] {} failed with {}: {}", program, WEXITSTATUS(status),
          first_line(complaints.contents()));
    return to.contents();
}

}  // namespace swingrad
