// A thread an element; neighbours read neighbours. Through float where one of the two is bfloat16, as on the CPU.

#include "cuda/runtime/convert.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class To, class From>
__global__ void convert_kernel(int64_t count, const From* from, To* to) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < count) to[i] = narrow<To>(static_cast<acc_type<To>>(widen(from[i])));
}

template <class To, class From>
void convert(int64_t count, const From* from, To* to) {
    if (count == 0) return;
    launch(convert_kernel<To, From>, blocks_for(count, 256), 256, 0, compute_stream(), count, from, to);
}

#define INSTANTIATE(To)                                 \
    template void convert(int64_t, const float*, To*);  \
    template void convert(int64_t, const double*, To*); \
    template void convert(int64_t, const bfloat16*, To*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda
