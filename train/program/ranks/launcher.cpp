#include "train/program/ranks/mpi_ranks.h"

#include "core/threads.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <thread>

namespace swingrad {
namespace {

// The first of these variables that is set, as a number; 1 where none is.
int number_in(std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const char* text = std::getenv(name)) return std::max(1, std::atoi(text));
    return 1;
}

}  // namespace

// Open MPI's mpirun, MPICH's, and Slurm's srun.
int launched_ranks() { return number_in({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}); }

void share_cores() {
    const int here = number_in({"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_NTASKS_PER_NODE"});
    const auto all = static_cast<int>(std::thread::hardware_concurrency());
    if (here > 1 && thread_count() == all) set_thread_count(std::max(1, all / here));
}

}  // namespace swingrad
