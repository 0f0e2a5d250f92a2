// Sums over the micro-batches of a step that do not depend on who has computed which.
//
// Micro-batches are added as a tree (the picture is in train/optim/mean_gradient.cpp), whose nodes are blocks of them.
// A rank computes some that lie side by side, and of these it adds what makes whole blocks: one sum where their number
// is the same power of two on every rank, else a few. The rest of the tree is above the ranks.
#pragma once

#include "core/tensor.h"
#include "train/ranks/parts.h"
#include "train/ranks/ranks.h"

#include <compare>
#include <map>
#include <vector>

namespace swingrad {

// Micro-batches [number << level, (number + 1) << level).
struct BatchBlock {
    int64_t level, number;

    bool is_right() const { return number % 2 == 1; }
    BatchBlock other_half() const { return {level, number ^ 1}; }
    BatchBlock whole() const { return {level + 1, number / 2}; }
    auto operator<=>(const BatchBlock&) const = default;
};

// All of so many micro-batches.
BatchBlock root_of(int64_t count);

// Adds in the tree's order until no two blocks are halves of one, and what is left from the right. Changes the tensors.
Tensor sum_of_blocks(std::map<BatchBlock, Tensor> blocks);

// Which blocks each rank has once it has added what it can: of a step's `count` micro-batches, of which a batch has
// `micro_batches`, its shares (train/ranks/shares.h). In ascending order.
using BlocksOfRanks = std::vector<std::vector<BatchBlock>>;
BlocksOfRanks blocks_of_ranks(int ranks, int64_t micro_batches, int64_t count);
// Where each has added all of its own up, in any order: one block a rank, or none where it has no micro-batches.
BlocksOfRanks one_block_a_rank(int ranks, int64_t micro_batches);

// All-reduce over the blocks of all ranks, each of which calls this with its own: flat tensors of as many elements on
// the CPU, float32 or float64. May change them. `all` says which blocks the ranks have.
//
// In two halves, as it is commonly done: rank r is sent parts[r] of every block and adds it up, which reduce_scatter
// returns; and all_gather sends what rank r has as parts[r] of `flat` to all others. With one block a rank and equal
// parts each sends 2 (N - 1) / N of the gradient's bytes, the least there can be.
Tensor reduce_scatter(Ranks& ranks, const std::map<BatchBlock, Tensor>& own, const BlocksOfRanks& all,
                      const std::vector<RankPart>& parts, DType dtype);
void all_gather(Ranks& ranks, const Tensor& flat, const std::vector<RankPart>& parts);
Tensor sum_over_ranks(Ranks& ranks, const std::map<BatchBlock, Tensor>& own, const BlocksOfRanks& all, int64_t count,
                      DType dtype);

}  // namespace swingrad
