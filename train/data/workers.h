// Threads of a loader's own, for samples that take time to make: the pool of core/threads.h is busy with the step.
#pragma once

#include <cstdint>
#include <functional>

namespace swingrad {

// Calls body(i) for each i in 0 .. count - 1, on so many threads, the caller's included, and returns when all are done.
// No two may write to the same place. What the lowest i threw is thrown here; others may have been done or not. Where
// the system has no thread to give, fewer do.
void by_workers(int64_t count, int64_t workers, const std::function<void(int64_t)>& body);

}  // namespace swingrad
