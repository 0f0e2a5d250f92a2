// mask_tokens' backward with the sum over masked rows taken by groups (ops/sum_by_groups.h), which are several threads'
// work; dx is written on the same walk, so dy is read once. Forward has no fast path: its plain loops copy as fast.
// Mathematics and names: ops/image/mask_tokens.cpp.

#include "cuda/image/mask_tokens.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

#include <algorithm>

namespace swingrad {
namespace {

template <class T>
void backward(const MaskTokensOp<T>& op) {
    using A = acc_type<T>;
    const int64_t C = op.C;
    std::vector<SumTarget<A>> targets;
    if (op.dtoken) targets.push_back({op.dtoken, C});
    sum_by_groups<A>(
        sum_groups(op.rows), op.rows, op.dtoken ? C : 0,
        [=](int64_t begin, int64_t end, A* sums) {
            for (int64_t row = begin; row < end; ++row) {
                const T* dy_row = op.dy + row * C;
                const bool masked = widen(op.mask[row]) != A(0);
                // forward: y = mask ? token : x, so:
                if (masked && op.dtoken) add_column_sums(1, C, dy_row, sums);
                if (masked && op.dx) std::fill_n(op.dx + row * C, C, T(0));
                if (!masked && op.dx) std::copy_n(dy_row, C, op.dx + row * C);
            }
        },
        targets);
}

const DeclareFastPath<MaskTokensOp> fast{nullptr, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
