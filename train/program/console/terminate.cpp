#include "train/program/console/terminate.h"

#include "train/program/console/output.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

namespace swingrad {
namespace {

std::terminate_handler usual_end = nullptr;
constinit thread_local bool ran_out = false;

// Called by `new` where it finds no memory.
[[noreturn]] void remember_no_memory() {
    ran_out = true;
    throw std::bad_alloc();
}

// Of an exception that left what may not throw, it is known only that there is one: it is taken for that of `new`
// where this thread has had one.
bool found_no_memory() {
    const std::exception_ptr thrown = std::current_exception();
    if (!thrown) return ran_out && std::uncaught_exceptions() > 0;
    try {
        std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
        return true;
    } catch (...) {
        return false;
    }
}

[[noreturn]] void end() {
    char said[96];
    const int length = std::snprintf(said, sizeof said, "%s: out of memory\n", program_name());
    if (found_no_memory() && ::write(STDERR_FILENO, said, static_cast<size_t>(length)) > 0) ::_exit(1);
    if (usual_end) usual_end();
    std::abort();
}

}  // namespace

void tell_of_no_memory() {
    const std::terminate_handler before = std::set_terminate(end);
    if (before != end) usual_end = before;
    std::set_new_handler(remember_no_memory);
}

}  // namespace swingrad
