#include "core/factories.h"

#include "core/threads.h"

namespace swingrad {
namespace {

// Element i is value(i), rounded once, from double.
template <class Value>
Tensor made(const Shape& shape, DType dtype, Device device, const Value& value) {
    const Tensor wide = Tensor::empty(shape, DType::float64);
    double* to = wide.data<double>();
    parallel_rows(wide.numel(), 16, [&](int64_t i) { to[i] = value(i); });
    return (dtype == DType::float64 ? wide : wide.to(dtype)).on(device);
}

}  // namespace

Tensor zeros(const Shape& shape, DType dtype, Device device) { return Tensor::zeros(shape, dtype, device); }

Tensor ones(const Shape& shape, DType dtype, Device device) { return full(shape, 1, dtype, device); }

Tensor full(const Shape& shape, double value, DType dtype, Device device) {
    return made(shape, dtype, device, [=](int64_t) { return value; });
}

Tensor randn(const Shape& shape, Random random, DType dtype, Device device) {
    return made(shape, dtype, device, [=](int64_t i) { return random.normal(static_cast<uint64_t>(i)); });
}

Tensor rand(const Shape& shape, Random random, DType dtype, Device device) {
    return made(shape, dtype, device, [=](int64_t i) { return double{random.uniform(static_cast<uint64_t>(i))}; });
}

Tensor arange(int64_t count, DType dtype, Device device) {
    check(count >= 0, "[arange] expects a count of 0 or more, got {}", count);
    return made({count}, dtype, device, [](int64_t i) { return static_cast<double>(i); });
}

}  // namespace swingrad
