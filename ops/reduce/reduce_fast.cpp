// sum and mean on all threads and in vector registers: the elements are cut into pieces of a fixed size, a piece is
// summed in the accumulator's type, and the pieces' sums are added in order, in double. So the bits are the same for
// any number of threads, and the error does not grow with the number of pieces. Mathematics: ops/reduce/reduce.cpp.

#include "core/threads.h"
#include "cuda/reduce/reduce.h"
#include "ops/operation.h"

#include <vector>

namespace swingrad {
namespace {

constexpr int64_t piece = 1 << 14;

template <class T>
void forward(const SumOp<T>& op) {
    using A = acc_type<T>;
    std::vector<double> sums(static_cast<size_t>((op.count + piece - 1) / piece));
    parallel_chunks(op.count, piece, [&](int64_t begin, int64_t end) {
        A sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = begin; i < end; ++i) sum += widen(op.x[i]);
        sums[static_cast<size_t>(begin / piece)] = static_cast<double>(sum);
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    *op.y = static_cast<A>(op.factor * total);
}

const DeclareFastPath<SumOp> fast{[](const auto& op) { forward(op); }, nullptr};  // backward is a plain loop

}  // namespace
}  // namespace swingrad
