// Sums over the micro-batches of a step that do not depend on who has computed which.
//
// Micro-batches are added as a tree (the picture is in train/optim/mean_gradient.cpp), whose nodes are blocks of them.
// A rank computes some that lie side by side, and of these it adds what makes whole blocks: one sum where their number
// is the same power of two on every rank, else a few. The rest of the tree is above the ranks.
#pragma once

#include "core/tensor.h"
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

// Adds in the tree's order until no two blocks are halves of one, and what is left from the right. Changes the tensors.
Tensor sum_of_blocks(std::map<BatchBlock, Tensor> blocks);

// The same over the blocks of all ranks, each of which calls this with its own: flat tensors of `count` elements on the
// CPU, float32 or float64. May change them.
//
// As all-reduce is commonly done, in two parts: rank r is sent the r-th part of every block and adds it up
// (reduce-scatter), and sends the sum to all (all-gather). With one block a rank each sends 2 (N - 1) / N of the
// gradient's bytes, the least there can be.
Tensor sum_over_ranks(Ranks& ranks, const std::map<BatchBlock, Tensor>& own, int64_t count, DType dtype);

// Of each place, whether it is so on any rank.
std::vector<bool> any_over_ranks(Ranks& ranks, const std::vector<bool>& here);

}  // namespace swingrad
