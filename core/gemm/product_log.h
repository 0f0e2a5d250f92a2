// Which matrix products were computed, for benchmarks: how many operations, and what they would take by themselves.
#pragma once

#include "core/dtype.h"
#include "core/gemm/gemm.h"

#include <compare>
#include <cstdint>
#include <map>
#include <mutex>

namespace swingrad {

// A product as one thread computed it; op(B) was packed before.
struct Product {
    DType dtype;
    Layout layout_a;
    int64_t m, n, k;
    bool accumulate;

    double flops() const { return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
    auto operator<=>(const Product&) const = default;
};

// While one of these lives it notes every product, on whatever thread. One at a time.
class ProductLog {
  public:
    ProductLog();
    ~ProductLog();
    ProductLog(const ProductLog&) = delete;
    ProductLog& operator=(const ProductLog&) = delete;

    std::map<Product, int64_t> products() const;  // how often each
    double flops() const;                         // of all so far

  private:
    friend void note_product(const Product& product);
    mutable std::mutex mutex_;
    std::map<Product, int64_t> products_;
    double flops_ = 0;
};
void note_product(const Product& product);  // by core/gemm/packed_operand.cpp

}  // namespace swingrad
