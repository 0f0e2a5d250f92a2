// The one pool of threads.
//
// Work is given out in pieces whose number and size must not depend on how many threads there are; which thread
// takes which piece is left to chance. So results cannot depend on the number of threads as long as no two
// pieces write to the same place. Sums over pieces go into one buffer a piece, added in order afterwards.
#pragma once

#include <algorithm>
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

// Calls body(row) for every row of [0, rows), in parallel. `cost` is about how many numbers a row has to be computed
// with: it sets how many rows are one piece. No two rows may write to the same place.
template <class Body>
void parallel_rows(int64_t rows, int64_t cost, const Body& body) {
    parallel_chunks(rows, std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, cost)),
                    [&](int64_t begin, int64_t end) {
                        for (int64_t row = begin; row < end; ++row) body(row);
                    });
}

// Calls body(i) for every element of [0, count), in parallel. The compiler may compute several at a time.
template <class Body>
void parallel_elements(int64_t count, const Body& body) {
    parallel_chunks(count, 1 << 14, [&](int64_t begin, int64_t end) {
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) body(i);
    });
}

}  // namespace swingrad
