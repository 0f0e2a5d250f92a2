// fixtures/training.json (fixtures/make_training_fixture.py), and a model of the parameters that a part of it names.
#pragma once

#include "models/nn/parameters.h"
#include "tests/support/source_directory.h"
#include "tests/support/toy_model.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace swingrad::test {

inline const nlohmann::json& training_fixture() {
    static const auto content = nlohmann::json::parse(std::ifstream(fixtures() / "training.json"));
    return content;
}

// Parameters by name, as PyTorch treats them: those of several axes decay and are factors of products.
struct Named : Module {
    std::map<std::string, Parameter> parameters;
    explicit Named(const std::vector<std::pair<std::string, Shape>>& shapes) {
        for (const auto& [name, shape] : shapes) {
            const bool matrix = shape.rank() > 1;
            declare(name, parameters[name], shape, Init::normal(1), matrix ? Decay::yes : Decay::no,
                    matrix ? Precision::mixed : Precision::full);
        }
    }
};

inline Tensor tensor_of(const nlohmann::json& values, const Shape& shape, const Tensor& like) {
    return Tensor::from(shape, values.get<std::vector<double>>()).to(like.dtype()).on(like.device());
}

inline void set_values(const Parameters& parameters, const nlohmann::json& by_name) {
    for (const auto& entry : parameters.entries())
        entry.value.copy_from(tensor_of(by_name[entry.name], entry.shape, entry.value));
    parameters.renew_copies();
}

inline void receive_named(const Parameters& parameters, const nlohmann::json& by_name) {
    std::vector<Tensor> gradients;
    for (const auto& entry : parameters.entries())
        gradients.push_back(tensor_of(by_name[entry.name], entry.shape, entry.leaf));
    receive(parameters, gradients);
}

// The largest |ours - theirs| / max(|theirs|, 0.1), as in test_optimiser.cpp.
inline double relative_error_of(const std::vector<double>& ours, const std::vector<double>& theirs) {
    if (ours.size() != theirs.size()) return std::numeric_limits<double>::infinity();
    double largest = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
        const double one = std::abs(ours[i] - theirs[i]) / std::max(std::abs(theirs[i]), 0.1);
        largest = one <= largest ? largest : one;
    }
    return largest;
}

}  // namespace swingrad::test
