#include "ops/operators.h"

#include "ops/ops.h"

namespace swingrad {

Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
Tensor operator-(const Tensor& a, const Tensor& b) { return subtract(a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return multiply(a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return divide(a, b); }
Tensor operator-(const Tensor& x) { return scale(x, -1); }

Tensor operator+(const Tensor& x, double c) { return affine(x, 1, c); }
Tensor operator-(const Tensor& x, double c) { return affine(x, 1, -c); }
Tensor operator*(const Tensor& x, double c) { return scale(x, c); }
Tensor operator/(const Tensor& x, double c) { return scale(x, 1 / c); }

Tensor operator+(double c, const Tensor& x) { return affine(x, 1, c); }
Tensor operator-(double c, const Tensor& x) { return affine(x, -1, c); }
Tensor operator*(double c, const Tensor& x) { return scale(x, c); }
Tensor operator/(double c, const Tensor& x) {
    const Tensor y = reciprocal(x);
    return c == 1 ? y : scale(y, c);
}

}  // namespace swingrad
