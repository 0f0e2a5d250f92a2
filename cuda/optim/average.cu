// Averaged weights. Mathematics and names: train/optim/average.cpp.
//
// Three launches. The first, one thread, counts the update and works out what it takes, a power in double. The others
// pass over weights and buffers, a thread an element: 12 bytes each in float32, the limit being memory. Nothing
// synchronises.

#include "cuda/optim/average.h"

#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void average_take_kernel(AverageNumbers numbers, const StepControl* control, int64_t* updates, T* take) {
    if (!control->halted) *take = static_cast<T>(1 - average_decay(numbers, ++*updates));
}

template <class T>
__global__ void average_kernel(int64_t count, const StepControl* control, const T* take, const T* w, T* average) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < count && !control->halted) average_update(*take, w[i], average[i]);
}

// ---- launcher

template <class T>
void average_step(const AverageNumbers& numbers, const StepControl* control, int64_t* updates, int64_t count,
                  const T* w, T* average_of_w, int64_t buffer_count, const T* b, T* average_of_b) {
    const Scratch<T> take(1);
    launch(average_take_kernel<T>, 1, 1, 0, compute_stream(), numbers, control, updates, take.data());
    launch(average_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), count, control, take.data(), w,
           average_of_w);
    if (buffer_count > 0)
        launch(average_kernel<T>, blocks_for(buffer_count, 256), 256, 0, compute_stream(), buffer_count, control,
               take.data(), b, average_of_b);
}

#define INSTANTIATE(T)                                                                                              \
    template void average_step(const AverageNumbers&, const StepControl*, int64_t*, int64_t, const T*, T*, int64_t, \
                               const T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace swingrad::cuda
