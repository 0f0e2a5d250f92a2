// A module of a few parameters, and a way to hand them gradients without computing any: what the tests of
// parameters, optimisers and checkpoints share.
#pragma once

#include "models/nn/parameters.h"

#include <vector>

namespace swingrad::test {

// "weight" [2, 3] and "late" [1] with weight decay, "bias" [3] without.
struct ToyModel : Module {
    Parameter weight, bias, late;

    ToyModel() {
        declare("weight", weight, {2, 3}, Init::normal(0.5), Decay::yes, Precision::mixed);
        declare("bias", bias, {3}, Init::uniform(0.25), Decay::no);
        declare("late", late, {1}, Init::constant(2), Decay::yes, Precision::mixed);
    }
};

// A node whose gradients were decided beforehand.
struct GivenGradients final : Node {
    std::vector<Tensor> gradients;

    std::string_view name() const override { return "given_gradients"; }
    std::vector<Tensor> backward(const Tensor&, const NeedsInputGrad&) override { return gradients; }
};

// Clears all gradients and delivers these, one an entry; an undefined one leaves its parameter without.
inline void receive(const Parameters& parameters, const std::vector<Tensor>& gradients) {
    parameters.zero_grad();
    Tape tape;
    auto node = std::make_unique<GivenGradients>();
    std::vector<Tensor> leaves;
    for (size_t i = 0; i < gradients.size(); ++i)
        if (gradients[i].defined()) {
            leaves.push_back(parameters.entries()[i].leaf);
            node->gradients.push_back(gradients[i]);
        }
    tape.backward(
        record(std::move(node), leaves, Tensor::zeros({1}, parameters.values().dtype(), parameters.device())));
}

}  // namespace swingrad::test
