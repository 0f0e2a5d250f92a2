#include "autograd/accumulate.h"

#include "core/threads.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

constexpr int64_t chunk = 1 << 15;

template <class T>
void add(const T* a, const T* b, T* sum, int64_t count) {
    parallel_chunks(count, chunk, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) sum[i] = a[i] + b[i];
    });
}

void add(const Tensor& a, const Tensor& b, const Tensor& sum) {
    check(a.shape() == b.shape() && a.dtype() == b.dtype(), "[accumulate] cannot add {} to {}", b, a);
    dispatch_float("accumulate", a.dtype(),
                   [&]<class T>(T) { add(a.data<T>(), b.data<T>(), sum.data<T>(), a.numel()); });
}

}  // namespace

void add_into(const Tensor& sum, const Tensor& term) { add(sum, term, sum); }

Tensor added(const Tensor& a, const Tensor& b) {
    Tensor sum = Tensor::empty(a.shape(), a.dtype(), a.device());
    add(a, b, sum);
    return sum;
}

void require_finite(const Tensor& tensor, std::string_view what, std::string_view node, std::string_view place) {
    if (tensor.dtype() == DType::bfloat16) return require_finite(tensor.to(DType::float32), what, node, place);
    dispatch_float("check_finite", tensor.dtype(), [&]<class T>(T) {
        const auto values = tensor.span<T>();
        const auto bad = std::find_if(values.begin(), values.end(), [](T value) { return !std::isfinite(value); });
        check(bad == values.end(), "[{}] {}: {} {} holds {} at element {}, the first value that is not finite", node,
              place, what, tensor.shape(), bad == values.end() ? T{} : *bad, bad - values.begin());
    });
}

}  // namespace swingrad
