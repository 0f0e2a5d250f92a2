// In a build without MPI, in the place of mpi_ranks.cpp.
#include "train/program/ranks/mpi_ranks.h"

#include "train/loop/recipe.h"

namespace swingrad {

JoinedRanks::JoinedRanks(double timeout) {
    require(timeout >= 1 && timeout <= 86400, "timeout", "1 to 86400", timeout);
    check(launched_ranks() == 1,
          "[ranks] {} processes were started to train together, and this build has no MPI: "
          "install it (libopenmpi-dev, openmpi-bin) and build anew",
          launched_ranks());
}
JoinedRanks::~JoinedRanks() = default;

}  // namespace swingrad
