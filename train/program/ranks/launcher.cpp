#include "train/program/ranks/mpi_ranks.h"

#include <algorithm>
#include <cstdlib>

namespace swingrad {

// Open MPI's mpirun, MPICH's, and Slurm's srun.
int launched_ranks() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
        if (const char* text = std::getenv(name)) return std::max(1, std::atoi(text));
    return 1;
}

}  // namespace swingrad
