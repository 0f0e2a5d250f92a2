// Small whole numbers that PyTorch can be given too, and one number that stands for many.
#pragma once

#include "core/tensor.h"

namespace swingrad::test {

// float64: element i is (a i + b) mod m - m / 2.
inline Tensor pattern(const Shape& shape, int64_t a, int64_t b, int64_t m) {
    Tensor result = Tensor::empty(shape, DType::float64);
    for (int64_t i = 0; i < result.numel(); ++i)
        result.data<double>()[i] = static_cast<double>((a * i + b) % m - m / 2);
    return result;
}

// sum_i x_i (i^2 mod 13 - 6): of whole numbers exact, and another one where two of them change places.
inline double checksum(const Tensor& x) {
    double sum = 0;
    const auto values = x.values();
    for (size_t i = 0; i < values.size(); ++i) sum += values[i] * (static_cast<double>(i * i % 13) - 6);
    return sum;
}

// The first elements.
inline std::vector<double> beginning(const Tensor& x, int64_t count) {
    const auto values = x.values();
    return {values.begin(), values.begin() + count};
}

}  // namespace swingrad::test
