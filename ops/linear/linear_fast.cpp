// linear by packed products (core/gemm): the weight is packed once and serves all rows, the bias is the initial value
// of the sums, and dbias is summed in the pieces of dx, while their rows of dy are in the cache. Mathematics and names:
// ops/linear/linear.cpp.

#include "core/gemm/gemm.h"
#include "core/gemm/packed_operand.h"
#include "cuda/linear/linear.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

template <class T>
void forward(const LinearOp<T>& op) {
    multiply_by_weight(op.rows, op.I, op.O, op.x, op.weight, op.bias, op.y);
}

// dx and dbias in one pass over dy.
template <class T>
void backward_rows(const LinearOp<T>& op) {
    const int64_t I = op.I, O = op.O;
    std::vector<SumTarget<acc_type<T>>> targets;
    if (op.dbias) targets.push_back({op.dbias, O});
    const PackedOperand<T> packed(plain, I, op.dx ? O : 0, op.weight, I);
    sum_by_groups<acc_type<T>>(
        sum_groups(op.rows), op.rows, op.dbias ? O : 0,
        [&](int64_t group_begin, int64_t group_end, acc_type<T>* dbias_sum) {
            for (int64_t begin = group_begin; begin < group_end; begin += gemm_rows) {
                const int64_t count = std::min(gemm_rows, group_end - begin);
                const T* dy_piece = op.dy + begin * O;
                if (op.dx) multiply(plain, count, dy_piece, O, packed, op.dx + begin * I, I);
                if (op.dbias) add_column_sums(count, O, dy_piece, dbias_sum);
            }
        },
        targets);
}

template <class T>
void backward(const LinearOp<T>& op) {
    if (op.dx || op.dbias) backward_rows(op);
    if (op.dweight) gemm(transposed, plain, op.O, op.I, op.rows, op.dy, op.O, op.x, op.I, op.dweight, op.I, false);
}

const DeclareFastPath<LinearOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
