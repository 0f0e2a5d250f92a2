// How long a step takes: a rank's products, its update, and what the ranks tell each other. Formulas: README.md.
#pragma once

#include "train/program/plan/machines.h"
#include "train/program/plan/rank_memory.h"

namespace swingrad {

struct StepTime {
    double compute = 0, update = 0, exchange = 0;  // seconds, one after the other

    double total() const { return compute + update + exchange; }
};

// Of a machine whose rates are known. `pass`: that of `work`.
StepTime step_time(const Machine& machine, const RankWork& work, const PassMemory& pass);

// Seconds in which each of the ranks sends `bytes` to all others together, the same to each.
double seconds_of_exchange(const Machine& machine, int64_t ranks, double bytes);

// How many sums the busiest rank has left when it has added its micro-batches up: whole blocks of the tree that the
// ranks' micro-batches are added as (train/ranks/blocks.h).
int64_t blocks_of_busiest(int64_t ranks, int64_t all_parts);

}  // namespace swingrad
