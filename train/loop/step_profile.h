// Where the time of training steps on the CPU goes, by operation, and what the matrix products alone would need.
#pragma once

#include "autograd/tape.h"
#include "core/gemm/product_log.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace swingrad {

// Of one kind of operation, summed over the steps that were watched.
struct OperationCost {
    std::string name;
    int64_t calls = 0;
    double forward_s = 0, backward_s = 0;
    double forward_flops = 0, backward_flops = 0;  // of its matrix products (core/gemm/gemm.h)

    double seconds() const { return forward_s + backward_s; }
    double flops() const { return forward_flops + backward_flops; }
};

// Everything that happens between the end of one operation and the end of the next counts as the next one's: what it
// allocates, and the sums of gradients that arrive where another has been.
class StepProfile {
  public:
    void watch(Tape& tape);  // until the tape's end; the first operation begins now

    std::vector<OperationCost> operations() const;  // the costliest first
    const ProductLog& products() const { return products_; }

  private:
    void note(double OperationCost::*seconds, double OperationCost::*flops, std::string_view operation);

    ProductLog products_;
    std::map<std::string, OperationCost, std::less<>> operations_;
    std::chrono::steady_clock::time_point last_{};
    double last_flops_ = 0;
};

// Seconds that these products take by themselves on all threads, with factors that are packed and lie in the cache:
// what no step that computes them in the same blocks can be faster than.
double seconds_of_products(const std::map<Product, int64_t>& products);

}  // namespace swingrad
