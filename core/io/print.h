// A tensor's values as people read them, in the layout of NumPy and PyTorch:
//
//   [[ 1.5000, -0.3333],
//    [ 2.0000, 10.0000]] (float32 [2, 2])
//
// Rows are in brackets, numbers of one width, lines no longer than 80. Of more than 1000 elements only the first and
// last three along each axis are shown. Numbers have as many decimals as one of them needs, at most four. Where these
// would leave one, other than 0, less than two digits, or where one is 1e8 or more, all are written as 1.234e-05. Test:
// tests/core/io/test_print.cpp.
#pragma once

#include "core/tensor.h"

#include <iosfwd>
#include <string>

namespace swingrad {

// Of any dtype, on any device (copied to the CPU first); "undefined" for an undefined tensor.
std::string to_string(const Tensor& tensor);
std::ostream& operator<<(std::ostream& stream, const Tensor& tensor);

}  // namespace swingrad
