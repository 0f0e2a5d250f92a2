#include "autograd/accumulate.h"

#include "core/operands.h"
#include "core/threads.h"
#include "cuda/pointwise/accumulate.h"
#include "cuda/pointwise/arithmetic.h"
#include "cuda/toolkit/sums.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr int64_t chunk = 1 << 15;

template <class T>
void add(int64_t count, const T* a, const T* b, T* sum) {
    parallel_chunks(count, chunk, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) sum[i] = narrow<T>(widen(a[i]) + widen(b[i]));
    });
}

void add(const Tensor& a, const Tensor& b, const Tensor& sum) {
    check(a.shape() == b.shape() && a.dtype() == b.dtype() && a.device() == b.device(),
          "[accumulate] cannot add {} to {}", b, a);
    on_device_of(
        "accumulate", a, [&]<class T>(T) { add(a.numel(), a.data<T>(), b.data<T>(), sum.data<T>()); },
        [&]<class T>(T) {
            for (const Tensor& one : {a, b}) cuda::settle_deferred_sums(one.address());  // it may wait for its sums
            BinaryOp<Plus, T>{
                .count = a.numel(), .a = a.device_data<T>(), .b = b.device_data<T>(), .y = sum.device_data<T>()}
                .forward_kernel();
        });
}

// On any device.
int64_t first_bad(const Tensor& tensor) {
    int64_t index = tensor.numel();
    on_device_of(
        "check_finite", tensor, [&](auto) { index = first_not_finite(tensor); },
        [&]<class T>(T) { index = cuda::first_not_finite(tensor.numel(), tensor.device_data<T>()); });
    return index;
}

}  // namespace

void add_into(const Tensor& sum, const Tensor& term) { add(sum, term, sum); }

Tensor added(const Tensor& a, const Tensor& b) {
    Tensor sum = a.empty_like(a.shape());
    add(a, b, sum);
    return sum;
}

Tensor filled(const Shape& shape, double value, DType dtype, Device device) {
    Tensor tensor = Tensor::empty(shape, dtype, device);
    on_device_of(
        "filled", tensor,
        [&]<class T>(T) { std::fill_n(tensor.data<T>(), tensor.numel(), narrow<T>(static_cast<acc_type<T>>(value))); },
        [&]<class T>(T) { cuda::fill(tensor.numel(), static_cast<acc_type<T>>(value), tensor.device_data<T>()); });
    return tensor;
}

void require_finite(const Tensor& tensor, std::string_view what, std::string_view node, std::string_view place) {
    const int64_t bad = first_bad(tensor);
    if (bad == tensor.numel()) return;
    fail("[{}] {}: {} {} holds {} at element {}, the first value that is not finite", node, place, what, tensor.shape(),
         tensor.subrange(bad, {}).item(), bad);
}

}  // namespace swingrad
