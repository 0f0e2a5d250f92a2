// One pass over the flat memory of Parameters, in parallel, visiting only parameters that received a gradient.
#pragma once

#include "core/threads.h"
#include "models/nn/parameters.h"

#include <algorithm>
#include <vector>

namespace swingrad {

// Which entries received a gradient, of those that `of` says; empty: of all. A frozen one never does. The others' part
// of Parameters::gradients() is stale.
inline std::vector<bool> with_gradient(const Parameters& parameters, const std::vector<bool>& of = {}) {
    std::vector<bool> received;
    for (const auto& entry : parameters.entries())
        received.push_back((of.empty() || of[received.size()]) && entry.trained() && gradient(entry.leaf).defined());
    return received;
}

// A stretch of flat memory [begin, end) that lies in one entry: what differs from entry to entry is constant in it.
struct Stretch {
    size_t entry;
    int64_t begin, end;
};

// All of those entries that received a gradient, cut where they are long.
inline std::vector<Stretch> stretches(const Parameters& parameters, const std::vector<bool>& of = {}) {
    constexpr int64_t most = 1 << 15;
    const auto& entries = parameters.entries();
    const std::vector<bool> received = with_gradient(parameters, of);
    std::vector<Stretch> all;
    for (size_t i = 0; i < entries.size(); ++i) {
        const int64_t end = entries[i].offset + entries[i].shape.numel();
        if (received[i])
            for (int64_t begin = entries[i].offset; begin < end; begin += most)
                all.push_back({i, begin, std::min(end, begin + most)});
    }
    return all;
}

// Calls body(stretch) for each, in parallel.
template <class Body>
void for_each(const std::vector<Stretch>& stretches, const Body& body) {
    parallel_for(static_cast<int64_t>(stretches.size()), [&](int64_t i) { body(stretches[static_cast<size_t>(i)]); });
}

// Calls body(g) with the gradients of a stretch: T, or the bfloat16 of its entry's copy.
template <class T, class Body>
void with_gradients(const Parameters& parameters, const Stretch& stretch, const Body& body) {
    if (parameters.entries()[stretch.entry].has_copy())
        body(parameters.copies_gradients().data<bfloat16>() + stretch.begin);
    else body(parameters.gradients().data<T>() + stretch.begin);
}

// Rounds a stretch of the values to the entry's copy, if it has one.
template <class T>
void renew_copy(const Parameters& parameters, const Stretch& stretch) {
    if (!parameters.entries()[stretch.entry].has_copy()) return;
    const T* from = parameters.values().data<T>();
    bfloat16* to = parameters.copies().data<bfloat16>();
#pragma omp simd
    for (int64_t i = stretch.begin; i < stretch.end; ++i) to[i] = bfloat16(static_cast<float>(from[i]));
}

}  // namespace swingrad
