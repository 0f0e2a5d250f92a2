#include "cuda/runtime/kernel_counts.h"

#include "core/error.h"

namespace swingrad::cuda {

double KernelCount::rereads() const { return 0; }
double ProductCount::flops() const { return 0; }
int64_t ProductCount::memory_bytes() const { return 0; }
int64_t DeviceCounts::launches() const { return 0; }
int64_t DeviceCounts::nodes() const { return 0; }

bool counts_accesses() { return false; }

CountDevice::CountDevice() {
    fail("[cuda] a GPU does not tell what its kernels do: a build with -DSWINGRAD_CUDA=EMULATE does");
}
CountDevice::~CountDevice() = default;
DeviceCounts CountDevice::counts() const { return {}; }

}  // namespace swingrad::cuda
