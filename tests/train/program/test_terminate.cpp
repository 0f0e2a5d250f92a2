// How a process ends where an exception leaves what may not throw.

#include "core/error.h"
#include "cuda/emulator/language/sanitizer.h"
#include "tests/support/catch.h"
#include "train/program/console/output.h"
#include "train/program/console/terminate.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <new>

using namespace swingrad;

namespace {

struct Ended {
    int status;  // as waitpid has it
    std::string said;
};

// As a thread that was not joined does. Nobody knows then which exception is under way.
struct EndsAll {
    ~EndsAll() { std::terminate(); }
};

// Of a process of its own that does `deed` in a function that may not throw.
template <class Deed>
Ended ended_by(const Deed& deed) {
    int from[2];
    check(pipe(from) == 0, "[test] no pipe");
    const pid_t process = fork();
    if (process == 0) {
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        std::signal(SIGABRT, SIG_DFL);
        dup2(from[1], STDERR_FILENO);
        set_program_name("named");
        tell_of_no_memory();
        [&]() noexcept { deed(); }();
        _exit(0);
    }
    close(from[1]);
    Ended ended{0, ""};
    char some[256];
    for (ssize_t count; (count = read(from[0], some, sizeof some)) > 0;)
        ended.said.append(some, static_cast<size_t>(count));
    close(from[0]);
    waitpid(process, &ended.status, 0);
    return ended;
}

}  // namespace

TEST_CASE("an error that leaves what may not throw is not taken for want of memory") {
    const auto left = [] { fail("[test] not memory"); };
    const auto under_way = [] {
        try {
            const EndsAll last;
            fail("[test] not memory");
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): makes the exception pass what ends all
        }
    };
    for (const Ended& ended : {ended_by(left), ended_by(under_way)}) {
        INFO(ended.said);
        REQUIRE(WIFSIGNALED(ended.status));
        REQUIRE(WTERMSIG(ended.status) == SIGABRT);
        REQUIRE(ended.said.find("out of memory") == std::string::npos);
    }
}

#if !defined(SWINGRAD_ADDRESS_SANITIZER) && !defined(__SANITIZE_THREAD__)  // their `new` ends the process itself
TEST_CASE("memory that runs out where nothing may throw is said in a line, after the program's name") {
    const Ended ended = ended_by([] { ::operator delete(::operator new (size_t{1} << 60)); });
    REQUIRE(ended.said == "named: out of memory\n");
    REQUIRE(WIFEXITED(ended.status));
    REQUIRE(WEXITSTATUS(ended.status) == 1);
}
#endif
