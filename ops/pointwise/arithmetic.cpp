// add(a, b), subtract(a, b), multiply(a, b): a and b are repeated to one shape, y's, as NumPy does
// (ops/reduce/broadcast.cpp), and then element by element
//
//   y_i = a_i + b_i        da = dy          db = dy
//   y_i = a_i - b_i        da = dy          db = -dy
//   y_i = a_i b_i          da = dy b        db = dy a
//
// and where an operand was repeated, its gradient is summed over what was made of each element (sum_to). So each
// gradient is made of the same functions again, and there are no loops of backward.
// Neither operand is repeated in memory: the loop (binary.h) looks up, row by row, where it lies. Operands of one shape
// are one loop over all elements.
// Saved: a and b of multiply; shapes alone for the linear ones. Source: any text.
// Test: tests/pointwise/test_arithmetic.cpp.

#include "ops/ops.h"
#include "ops/pointwise/binary.h"

namespace swingrad {

// ---- autograd nodes

namespace {

struct AddNode final : BinaryNode {
    std::string_view name() const override { return "add"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        // forward: y = a + b, so:
        return summed(dy, dy, needs_input_grad);
    }
};

struct SubtractNode final : BinaryNode {
    std::string_view name() const override { return "subtract"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        // forward: y = a - b, so:
        std::vector<Tensor> gradients = summed(dy, dy, needs_input_grad);
        if (needs_input_grad[1]) gradients[1] = scale(gradients[1], -1);
        return gradients;
    }
};

struct MultiplyNode final : BinaryNode {
    Tensor a, b;

    std::string_view name() const override { return "multiply"; }
    std::vector<Saved> saved() const override { return {{"a", a}, {"b", b}}; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        // forward: y = a b, so:
        return summed(needs_input_grad[0] ? multiply(dy, b) : Tensor(),
                      needs_input_grad[1] ? multiply(dy, a) : Tensor(), needs_input_grad);
    }
};

}  // namespace

// ---- public functions

Tensor add(const Tensor& a, const Tensor& b) {
    return record_binary(std::make_unique<AddNode>(), a, b, binary<Plus>("add", a, b));
}

Tensor subtract(const Tensor& a, const Tensor& b) {
    return record_binary(std::make_unique<SubtractNode>(), a, b, binary<Minus>("subtract", a, b));
}

Tensor multiply(const Tensor& a, const Tensor& b) {
    const Tensor y = binary<Times>("multiply", a, b);
    if (!recording({a, b})) return y;
    auto node = std::make_unique<MultiplyNode>();
    node->a = a.detached();
    node->b = b.detached();
    return record_binary(std::move(node), a, b, y);
}

// ---- gradient checks

namespace {

const DeclareBinaryCases add_cases("pointwise/add", add);
const DeclareBinaryCases subtract_cases("pointwise/subtract", subtract);
const DeclareBinaryCases multiply_cases("pointwise/multiply", multiply);

}  // namespace
}  // namespace swingrad
