// Flat memory divided among ranks: each has one part of it, and they lie one after another.
#pragma once

#include "core/tensor.h"

#include <cstdint>
#include <vector>

namespace swingrad {

// Elements [begin, end).
struct RankPart {
    int64_t begin = 0, end = 0;

    int64_t size() const { return end - begin; }
    Tensor of(const Tensor& flat) const { return flat.slice(begin, end); }
};

// Of each rank, all of about one size: whole cache lines but for the last.
std::vector<RankPart> equal_parts(int ranks, int64_t count);

// The same, cut only at `cuts`, which ascend: each where an equal part would end, or as near as there is one. Some may
// have nothing.
std::vector<RankPart> parts_cut_at(const std::vector<int64_t>& cuts, int ranks, int64_t count);

}  // namespace swingrad
