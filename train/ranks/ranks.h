// Ranks: processes that train one model together, each on its share of every batch.
//
// What they do together is built of one collective, exchange(), which all of them call, in the same order. Implemented
// by MPI (train/ranks/mpi_ranks.h), and for tests by threads (tests/support/thread_ranks.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace swingrad {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

class Ranks {
  public:
    virtual ~Ranks() = default;

    virtual int rank() const = 0;  // 0 .. size() - 1. What is written or said, rank 0 writes and says
    virtual int size() const = 0;

    // Sends to[r] to each rank r, and receives what each sends here in from[r]; a rank sends itself nothing. Both sides
    // know how long each message is. Returns when all of it is there. Throws an Error naming the rank and what it last
    // said where one has ended or is not heard of.
    virtual void exchange(const std::vector<ConstBytes>& to, const std::vector<Bytes>& from) = 0;

    // What every rank puts in, `sizes[r]` bytes of rank r, one after another. Own: sizes[rank()] bytes.
    std::vector<std::byte> gather(ConstBytes own, const std::vector<size_t>& sizes);
    // Whether any rank says so.
    bool any(bool here);
    // Returns when all ranks have come here.
    void meet() { any(false); }

    // What is under way, for messages: the number of the step.
    virtual void at_step(int64_t) {}
};

// A process by itself.
Ranks& one_rank();

// The ranks that this process is one of: one_rank(), unless a launcher started several (train/ranks/mpi_ranks.h).
Ranks& world();
void set_world(Ranks& ranks);  // which must outlive all use

}  // namespace swingrad
