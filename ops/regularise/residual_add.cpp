// branch_samples(x [B, ...], keep [B]) -> [K or B, ...]
// residual_add(x [B, ...], y [K or B, ...], keep [B]) -> [B, ...]
//
// A residual branch under drop path (ops/regularise/drop_path.cpp): x + drop_path(branch(x), keep), where what is
// dropped is not computed if that can be had. `keep` undefined: no drop path.
//
//   residual_add(x, branch(branch_samples(x, keep)), keep)
//
// On the CPU branch_samples gives the K samples with keep_b != 0. On a device it gives all: to know K the device would
// have to be waited for, and a step that is captured and replayed has the same shapes each time. residual_add takes
// either; so does residual_norm (ops/norm/residual_norm.cpp), for a branch that ends in a norm. A branch that draws by
// a sample's place in the batch, as dropout does, must be given all of x.
//
// Made of select_kept, restore_dropped, drop_path and add, whose gradients they have; nothing else is saved.
// Test: tests/regularise/test_residual_add.cpp.

#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "ops/ops.h"

namespace swingrad {

Tensor branch_samples(const Tensor& x, const Tensor& keep) {
    return keep.defined() && x.device() == Device::cpu ? select_kept(x, keep) : x;
}

Tensor residual_add(const Tensor& x, const Tensor& y, const Tensor& keep) {
    if (!keep.defined()) return add(x, y);
    check(x.shape().rank() >= 1, "[residual_add] x must be [B, ...], got {}", x.shape());
    check(keep.shape() == Shape{x.shape()[0]}, "[residual_add] keep must be [{}], got {}", x.shape()[0], keep.shape());
    const bool whole = y.shape() == x.shape();
    return add(x, drop_path(whole ? y : restore_dropped(y, keep), keep));
}

// ---- gradient check

const DeclareGradientCase residual_add_case{{
    "branch_samples/residual_add",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({4, 2, 3}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) {
        const Tensor keep = constant_like(in[0], {4}, {1.25, 0, 2, 0});
        return residual_add(in[0], gelu(branch_samples(in[0], keep)), keep);
    },
}};

}  // namespace swingrad
