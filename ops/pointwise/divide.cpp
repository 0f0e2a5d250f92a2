// divide(a, b): a and b are repeated to one shape, y's, as NumPy does (ops/reduce/broadcast.cpp), and then element by
// element
//
//   y_i = a_i / b_i
//
// d y_i / d a_i = 1 / b_i, and d y_i / d b_i = -a_i / b_i^2 = -y_i / b_i, so with what da is,
//
//   da = dy / b        db = -da y
//
// and where an operand was repeated, its gradient is summed over what was made of each element (sum_to).
// Saved: b and y. Numerics: db is not formed with b^2, which overflows, or becomes 0, long before a / b does. Dividing
// by 0 gives infinity, or NaN where a is 0, and is no error. Source: any text. Test: tests/pointwise/test_divide.cpp.

#include "ops/ops.h"
#include "ops/pointwise/binary.h"

namespace swingrad {

// ---- autograd node

namespace {

struct DivideNode final : BinaryNode {
    Tensor b, y;

    std::string_view name() const override { return "divide"; }
    std::vector<Saved> saved() const override { return {{"b", b}, {"y", y}}; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        // forward: y = a / b, so:
        const Tensor da = divide(dy, b);
        return summed(da, needs_input_grad[1] ? binary<MinusTimes>("divide", da, y) : Tensor(), needs_input_grad);
    }
};

}  // namespace

// ---- public function

Tensor divide(const Tensor& a, const Tensor& b) {
    const Tensor y = binary<Over>("divide", a, b);
    if (!recording({a, b})) return y;
    auto node = std::make_unique<DivideNode>();
    node->b = b.detached();
    node->y = y;
    return record_binary(std::move(node), a, b, y);
}

// ---- gradient checks

const DeclareBinaryCases divide_cases("pointwise/divide", divide);

}  // namespace swingrad
