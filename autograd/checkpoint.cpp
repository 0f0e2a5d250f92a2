#include "autograd/checkpoint.h"

namespace swingrad {
namespace {

struct CheckpointNode final : Node {
    Function function;
    std::vector<Tensor> inputs;

    std::string_view name() const override { return "checkpoint"; }
    std::vector<Saved> saved() const override {
        std::vector<Saved> all;
        for (const Tensor& input : inputs) all.push_back({"input", input});
        return all;
    }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        // The same inputs as leaves of a tape of their own, so that gradients stop here and can be returned.
        std::vector<Tensor> leaves;
        for (size_t i = 0; i < inputs.size(); ++i) {
            leaves.push_back(inputs[i].detached());
            if (needs_input_grad[i]) require_gradient(leaves[i]);
        }
        {
            Tape inner;
            const Tensor y = function(leaves);
            inner.backward(y, dy);
        }
        std::vector<Tensor> gradients(inputs.size());
        for (size_t i = 0; i < inputs.size(); ++i) {
            if (!needs_input_grad[i]) continue;
            gradients[i] = gradient(leaves[i]);
            if (!gradients[i].defined())
                gradients[i] = Tensor::zeros(inputs[i].shape(), inputs[i].dtype(), inputs[i].device());
        }
        return gradients;
    }
};

}  // namespace

Tensor checkpoint(Function function, const std::vector<Tensor>& inputs) {
    Tensor y;
    {
        const NoGrad nothing_saved;
        y = function(inputs).detached();
    }
    if (!recording(inputs)) return y;
    auto node = std::make_unique<CheckpointNode>();
    node->function = std::move(function);
    for (const Tensor& input : inputs) node->inputs.push_back(input.detached());
    return record(std::move(node), inputs, y);
}

}  // namespace swingrad
