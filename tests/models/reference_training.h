// The examples' models trained as PyTorch was for tests/fixtures/examples.json: weights and data from a hash.
#pragma once

#include "models/nn/parameters.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "train/loop/loss.h"
#include "train/optim/optimiser.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

namespace swingrad::test {

// Number i of a stream, in [-1, 1).
inline double hashed(uint64_t i, uint32_t stream) {
    uint32_t h = static_cast<uint32_t>(i) + stream * 0x9E3779B9u;
    h *= 0x85EBCA6Bu;
    h ^= h >> 13;
    h *= 0xC2B2AE35u;
    h ^= h >> 16;
    return static_cast<double>(h >> 8) * 0x1p-23 - 1;
}
inline Tensor hashed(const Shape& shape, uint32_t stream, double factor, double offset = 0) {
    Tensor x = Tensor::empty(shape, DType::float64);
    for (int64_t i = 0; i < x.numel(); ++i)
        x.data<double>()[i] = offset + factor * hashed(static_cast<uint64_t>(i), stream);
    return x;
}

inline Tensor start_of(const std::string& name, const Shape& shape) {
    uint32_t stream = 2166136261u;
    for (const char byte : name) stream = (stream ^ static_cast<unsigned char>(byte)) * 16777619u;
    if (name == "cls_token" || name == "pos_embed" || name == "positions" || name == "tokens.weight")
        return hashed(shape, stream, 0.02);
    if (shape.rank() == 1)
        return name.ends_with("weight") ? hashed(shape, stream, 0.1, 1) : hashed(shape, stream, 0.01);
    return hashed(shape, stream, 1 / std::sqrt(static_cast<double>(shape.numel() / shape[0])));
}

struct ReferenceRecipe {
    std::string name;  // in examples.json
    bool sgd = false;  // else AdamW
    double rate = 1e-3;
};

// The losses of 20 steps in `dtype`.
inline std::vector<double> losses_of(Module& model, const Tensor& inputs, const Tensor& targets,
                                     const ReferenceRecipe& recipe, DType dtype) {
    const Parameters parameters(model, dtype, Random{});
    for (const auto& entry : parameters.entries()) {
        const Tensor start = start_of(entry.name, entry.shape);
        entry.value.copy_from(dtype == DType::float64 ? start : start.to(dtype));
    }
    const auto optimiser = recipe.sgd ? make_sgd(parameters, {.momentum = 0.9, .weight_decay = 5e-4})
                                      : make_adamw(parameters, {.weight_decay = 0.05});
    const Loss loss_of = classification_loss();
    std::vector<double> losses;
    for (uint64_t step = 0; step < 20; ++step) {
        parameters.zero_grad();
        model.train(Random{1, step});
        Tape tape;
        const Tensor loss = loss_of(model.forward(parameters.as_input(inputs)), targets);
        tape.backward(loss);
        optimiser->step(recipe.rate);
        losses.push_back(loss.item());
    }
    return losses;
}

// PyTorch's are float64's. Ours in `dtype` shall be theirs within `tolerance`, relative.
inline void require_pytorchs_losses(Module& model, const Tensor& inputs, const Tensor& targets,
                                    const ReferenceRecipe& recipe, DType dtype, double tolerance) {
    std::ifstream file(fixtures() / "examples.json");
    const auto expected = nlohmann::json::parse(file).at(recipe.name).get<std::vector<double>>();
    const auto losses = losses_of(model, inputs, targets, recipe, dtype);
    REQUIRE(losses.size() == expected.size());
    for (size_t i = 0; i < losses.size(); ++i) {
        INFO(recipe.name << ", " << name_of(dtype) << ", step " << i);
        REQUIRE(losses[i] == Approx(expected[i]).epsilon(tolerance));
    }
}
inline void require_pytorchs_losses(Module& model, const Tensor& inputs, const Tensor& targets,
                                    const ReferenceRecipe& recipe) {
    require_pytorchs_losses(model, inputs, targets, recipe, DType::float64, 1e-6);
    require_pytorchs_losses(model, inputs, targets, recipe, DType::float32, 1e-4);
}

inline Tensor reference_images() { return hashed({4, 32, 32, 3}, 1000, 1.5); }
inline Tensor reference_labels() { return Tensor::from({4}, std::vector<int64_t>{0, 3, 6, 9}); }

}  // namespace swingrad::test
