// A model of long parameters, random gradients for it, and optimisers by name: what tests of optimisers share.
#pragma once

#include "autograd/gradcheck.h"
#include "tests/support/toy_model.h"
#include "train/optim/optimiser.h"

#include <memory>
#include <string>
#include <vector>

namespace swingrad::test {

// Two parameters longer than a piece of work, a short one between and one without gradient.
struct Long : Module {
    Parameter a, b, c, idle;
    Long() {
        declare("a", a, {257, 261}, Init::normal(1), Decay::yes, Precision::mixed);
        declare("b", b, {33}, Init::normal(1), Decay::no);
        declare("c", c, {40001}, Init::normal(1), Decay::no);
        declare("idle", idle, {5}, Init::normal(1), Decay::yes, Precision::mixed);
    }
};

// So many parameters of two elements and a scalar in turn.
struct Many : Module {
    std::vector<Parameter> parameters;
    explicit Many(size_t count) : parameters(count) {
        for (size_t i = 0; i < count; ++i)
            declare(fmt::format("p{}", i), parameters[i], i % 2 ? Shape{} : Shape{2}, Init::normal(1),
                    i % 3 ? Decay::yes : Decay::no);
    }
};

inline void receive_random(const Parameters& parameters, uint64_t step) {
    std::vector<Tensor> gradients;
    for (size_t i = 0; i < 3; ++i) {
        const auto& [name, shape, offset, decay, value, leaf, rate, is_table] = parameters.entries()[i];
        // Rounded to bfloat16 for all, so that mixed precision begins with the same numbers.
        const Tensor rounded = random_tensor(shape, Random{2, step}.split(i)).to(DType::bfloat16);
        gradients.push_back(rounded.to(leaf.dtype()).on(parameters.device()));
    }
    receive(parameters, gradients);
}

inline std::unique_ptr<DeviceOptimiser> make_optimiser(const std::string& name, const Parameters& parameters) {
    if (name == "adamw") return make_adamw(parameters, {.weight_decay = 0.1});
    if (name == "muon") return make_muon(parameters, {.weight_decay = 0.1});
    return make_sgd(parameters, {.momentum = name == "plain sgd" ? 0 : 0.9, .weight_decay = 0.1});
}

}  // namespace swingrad::test
