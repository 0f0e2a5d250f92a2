// The arguments of embedding, for plain loops and kernels alike. Mathematics: ops/layout/embedding.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

// To kernels an index that is not in 0..V-1 makes its row of y NaN, and its row of dy goes nowhere; plain loops expect
// none.
template <class T>
struct EmbeddingOp {
    using A = acc_type<T>;

    int64_t tokens, V, C;
    const T* weight = nullptr;       // [V, C]; forward's alone
    const int64_t* index = nullptr;  // [tokens]
    T* y = nullptr;                  // [tokens, C]; forward's alone
    const T* dy = nullptr;           // [tokens, C]; this and dweight: backward's alone
    T* dweight = nullptr;            // [V, C], zeros before; rows that no token has are not written to

    void forward() const;  // ops/layout/embedding.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/layout/embedding.cu
    void backward_kernel() const;
};

}  // namespace swingrad
