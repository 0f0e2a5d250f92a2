// ZeRO, stage 1: of several ranks each keeps the optimiser's memory of a part of the parameters, takes their step, and
// sends the others the new weights. (Pictures: train/ranks/README.md.)
//
// A part is whole entries that lie side by side in the flat memory of Parameters: an optimiser that looks at a whole
// matrix, and a bound on a row's gradient, find all of it on one rank; and sums over an entry have the bits that one
// process gives them. On the CPU only.
#pragma once

#include "models/nn/parameters.h"
#include "train/ranks/parts.h"
#include "train/ranks/ranks.h"

#include <vector>

namespace swingrad {

class Shards {
  public:
    // `ranks` must outlive this object.
    Shards(const Parameters& parameters, Ranks& ranks);

    const std::vector<RankPart>& parts() const { return parts_; }  // of flat memory, by rank
    RankPart own() const { return parts_[static_cast<size_t>(ranks_.rank())]; }
    int owner(size_t entry) const { return owners_[entry]; }
    const std::vector<bool>& own_entries() const { return own_entries_; }
    bool is_first() const { return ranks_.rank() == 0; }  // it writes files
    Ranks& ranks() const { return ranks_; }

    // All of these are called by all ranks.

    // Each has written its own part of the values, and of the copies where there are any: now all have all that the
    // model computes with.
    void gather_weights() const;
    // Rank 0 is sent what the entry's owner has, and returns that; others return what they were given.
    Tensor to_first(size_t entry, const Tensor& here) const;

    // Gives the pages back that lie within the others' parts of a tensor laid out as Parameters::values(): its
    // addresses stay, and hold zeros until they are written to.
    void forget_others(const Tensor& flat) const;
    // Likewise of the float32 values of entries that the model has bfloat16 copies of: the others' owners have them.
    void forget_others_masters() const;

  private:
    void forget(const Tensor& flat, RankPart part) const;

    Parameters parameters_;  // handles on the same memory
    Ranks& ranks_;
    std::vector<RankPart> parts_;
    std::vector<int> owners_;  // of entries
    std::vector<bool> own_entries_;
    int64_t without_copies_ = 0;  // so many elements of flat memory, the first, are of entries without one
};

// Those whose gradients this rank has; empty: all.
inline std::vector<bool> own_entries(const Shards* shards) {
    return shards ? shards->own_entries() : std::vector<bool>();
}

}  // namespace swingrad
