// One pass over the flat memory of Parameters, in parallel, visiting only parameters that received a gradient.
#pragma once

#include "core/threads.h"
#include "models/module.h"

#include <algorithm>
#include <vector>

namespace swingrad {

constexpr int64_t flat_chunk = 1 << 15;  // elements a piece of work

inline int64_t flat_chunks(const Parameters& parameters) {
    return (parameters.values().numel() + flat_chunk - 1) / flat_chunk;
}

// Which entries received a gradient. The others' part of Parameters::gradients() is stale.
inline std::vector<bool> with_gradient(const Parameters& parameters) {
    std::vector<bool> received;
    for (const auto& entry : parameters.entries()) received.push_back(gradient(entry.leaf).defined());
    return received;
}

// Calls body(chunk, entry, begin, end) for every stretch of flat memory [begin, end) that lies in one chunk and in
// one entry that received a gradient, so that what differs from entry to entry is constant within a call. Chunks
// run in parallel, the stretches of a chunk in order. Stretches do not overlap and never contain a gap.
template <class Body>
void for_each_stretch(const Parameters& parameters, const Body& body) {
    const auto& entries = parameters.entries();
    const std::vector<bool> received = with_gradient(parameters);
    parallel_for(flat_chunks(parameters), [&](int64_t chunk) {
        const int64_t first = chunk * flat_chunk, last = first + flat_chunk;
        const auto after = std::upper_bound(entries.begin(), entries.end(), first,
                                            [](int64_t at, const auto& entry) { return at < entry.offset; });
        // The first entry begins at 0, so that one entry at least begins at or before any chunk.
        for (size_t i = static_cast<size_t>(after - entries.begin()) - 1; i < entries.size(); ++i) {
            if (entries[i].offset >= last) break;
            const int64_t begin = std::max(first, entries[i].offset);
            const int64_t end = std::min(last, entries[i].offset + entries[i].shape.numel());
            if (received[i] && begin < end) body(chunk, i, begin, end);
        }
    });
}

// Calls body(g) with the gradients of an entry from element `begin` of flat memory on: T, or the bfloat16 of its copy.
template <class T, class Body>
void with_gradients(const Parameters& parameters, size_t entry, int64_t begin, const Body& body) {
    if (parameters.entries()[entry].has_copy()) body(parameters.copies_gradients().data<bfloat16>() + begin);
    else body(parameters.gradients().data<T>() + begin);
}

// Rounds elements [begin, end) of an entry's values to its copy, if it has one.
template <class T>
void renew_copy(const Parameters& parameters, size_t entry, int64_t begin, int64_t end) {
    if (!parameters.entries()[entry].has_copy()) return;
    const T* from = parameters.values().data<T>();
    bfloat16* to = parameters.copies().data<bfloat16>();
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) to[i] = bfloat16(static_cast<float>(from[i]));
}

}  // namespace swingrad
