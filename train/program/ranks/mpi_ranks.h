// Ranks by MPI: the processes that mpirun or srun has started as one job.
#pragma once

#include "train/ranks/ranks.h"

#include <memory>

namespace swingrad {

inline constexpr const char* timeout_help =
    "of several processes (mpirun -n N): seconds without a sign of life after which one counts as lost";

// How many processes a launcher has started as one job with this one, as the environment says; 1 where none did.
int launched_ranks();

// Of the cores that ranks of one machine have in common, each uses its part, unless a flag says otherwise; to be called
// before flags are read. A launcher that binds ranks to cores has shared them out already.
void share_cores();

// While it lives, world() is the ranks of the job: all of them must make one, and end it. Where launched_ranks() is 1
// it does nothing. A rank that is not heard of for `timeout` seconds counts as lost: the others' collectives throw an
// Error that names it. Ranks but the first are silent (train/program/console/output.h). One that ends by an exception,
// of which it speaks, ends the others. Throws a UsageError where timeout is not from 1 to 86400, and an Error where
// there are several processes and this build knows no MPI.
class JoinedRanks {
  public:
    explicit JoinedRanks(double timeout);
    ~JoinedRanks();
    JoinedRanks(const JoinedRanks&) = delete;
    JoinedRanks& operator=(const JoinedRanks&) = delete;

  private:
    std::unique_ptr<Ranks> ranks_;
};

}  // namespace swingrad
