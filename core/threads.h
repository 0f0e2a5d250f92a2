// The one pool of threads.
//
// Work is given out in pieces whose number and size must not depend on how many threads there are; which thread
// takes which piece is left to chance. So results cannot depend on the number of threads as long as no two
// pieces write to the same place. Sums over pieces go into one buffer a piece, added in order afterwards.
#pragma once

#include <cstdint>
#include <functional>

namespace swingrad {

// Threads that parallel_for uses, the caller included. Default: the cores this process may use.
int thread_count();
void set_thread_count(int threads);  // at least 1; not while a parallel_for runs, on any thread

// Calls body(piece) for piece = 0 .. pieces-1, on several threads at once, and returns when all are done.
// The first exception thrown by a piece is rethrown here. Inside a piece, a further parallel_for runs serially.
void parallel_for(int64_t pieces, const std::function<void(int64_t)>& body);

// The same over [0, count) in chunks: body(begin, end). `chunk` is in elements.
void parallel_chunks(int64_t count, int64_t chunk, const std::function<void(int64_t, int64_t)>& body);

}  // namespace swingrad
