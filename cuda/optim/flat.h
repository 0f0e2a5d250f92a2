// How kernels pass over the flat memory of a model's parameters (models/nn/parameters.h) in one launch: it is cut into
// pieces, one a block, each within one parameter, so that what differs from parameter to parameter is constant within a
// block.
#pragma once

#include <cstdint>

namespace swingrad::cuda {

constexpr int32_t flat_piece = 4096;  // elements at most: sixteen a thread

struct FlatPiece {
    int64_t begin;  // in flat memory
    int32_t count, entry;
};

struct FlatEntry {
    int32_t decays;    // 1 where weight decay applies
    int32_t has_copy;  // 1 where the model computes with a bfloat16 copy, and the gradient is in bfloat16
    int32_t received;  // 1 where a gradient has arrived; without one, nothing of the parameter changes
    double rate;       // what its learning rate is multiplied by
};

// Both lists in device memory.
struct FlatTable {
    int64_t piece_count, entry_count;
    const FlatPiece* pieces;
    const FlatEntry* entries;
};

}  // namespace swingrad::cuda
