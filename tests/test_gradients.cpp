// Every operation's gradient, and the proof that a wrong one would be noticed.
#include "autograd/gradcheck.h"
#include "tests/catch.h"

#include <algorithm>
#include <filesystem>
#include <set>

using namespace swingrad;

TEST_CASE("every operation's gradient agrees with central differences") {
    for (const GradientCase& one : gradient_cases()) DYNAMIC_SECTION(one.name) {
            const auto result = gradcheck(one.function, one.inputs(Random{11, 0}), one.options, one.name);
            INFO(result.report);
            REQUIRE(result.ok);
        }
}

TEST_CASE("every file of operations declares a gradient case") {
    std::set<std::string> declared;
    for (const GradientCase& one : gradient_cases()) declared.insert(one.name.substr(0, one.name.find('/')));
    for (const auto& file : std::filesystem::directory_iterator(SWINGRAD_SOURCE_DIR "/ops")) {
        if (file.path().extension() != ".cpp") continue;
        INFO("ops/" << file.path().filename().string());
        const std::string stem = file.path().stem().string();
        REQUIRE(std::any_of(declared.begin(), declared.end(),
                            [&](const std::string& name) { return name.rfind(stem, 0) == 0; }));
    }
}

// ---- perturbation: spoil what one input of one node's backward returned, in four ways

namespace {

enum class Spoil { scaled, zero, transposed, swapped };
constexpr const char* spoil_names[] = {"times 1.01", "zero", "transposed", "another input's"};

Tensor transposed(const Tensor& gradient) {
    const int64_t columns = gradient.shape().rank() > 1 ? gradient.shape()[-1] : 1;
    const int64_t rows = gradient.numel() / columns;
    Tensor result = Tensor::empty(gradient.shape(), gradient.dtype());
    const double* from = gradient.data<double>();
    double* to = result.data<double>();
    // A vector has nothing to transpose: it is reversed instead.
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) to[columns == 1 ? rows - 1 - i : j * rows + i] = from[i * columns + j];
    return result;
}

// The elements of another input's gradient, repeated to fill the shape.
Tensor of_another(const Tensor& gradient, const Tensor& other) {
    Tensor result = Tensor::empty(gradient.shape(), gradient.dtype());
    for (int64_t i = 0; i < result.numel(); ++i) result.data<double>()[i] = other.data<double>()[i % other.numel()];
    return result;
}

Tensor spoiled(Spoil how, const std::vector<Tensor>& gradients, const Needs& needs, size_t input) {
    const Tensor& right = gradients[input];
    switch (how) {
        case Spoil::scaled: {
            Tensor wrong = right.clone();
            for (double& value : wrong.span<double>()) value *= 1.01;
            return wrong;
        }
        case Spoil::zero: return Tensor::zeros(right.shape(), right.dtype());
        case Spoil::transposed: return transposed(right);
        case Spoil::swapped:
            for (size_t other = 0; other < gradients.size(); ++other)
                if (other != input && needs[other]) return of_another(right, gradients[other]);
    }
    return right;
}

}  // namespace

TEST_CASE("a spoiled gradient makes every operation's check fail") {
    for (const GradientCase& one : gradient_cases()) {
        const auto inputs = one.inputs(Random{11, 0});
        // How many gradients each node of the case returns.
        std::vector<size_t> node_inputs;
        GradcheckOptions options = one.options;
        options.spoil = [&](const Node&, const Needs& needs, std::vector<Tensor>&) {
            node_inputs.push_back(needs.size());
        };
        gradcheck(one.function, inputs, options, one.name);

        int spoils = 0;
        for (size_t node = 0; node < node_inputs.size(); ++node)
            for (size_t input = 0; input < node_inputs[node]; ++input)
                for (const Spoil how : {Spoil::scaled, Spoil::zero, Spoil::transposed, Spoil::swapped}) {
                    size_t visited = 0;
                    bool changed = false;
                    options.spoil = [&](const Node&, const Needs& needs, std::vector<Tensor>& gradients) {
                        if (visited++ != node || !needs[input]) return;
                        Tensor wrong = spoiled(how, gradients, needs, input);
                        changed = wrong.values() != gradients[input].values();
                        gradients[input] = wrong;
                    };
                    const auto result = gradcheck(one.function, inputs, options, one.name);
                    // A gradient that is symmetric, or alone, is not changed by every kind of spoiling.
                    if (!changed) continue;
                    ++spoils;
                    INFO(one.name << ": node " << node << ", input " << input << ", "
                                  << spoil_names[static_cast<int>(how)]);
                    REQUIRE_FALSE(result.ok);
                }
        INFO(one.name);
        REQUIRE(spoils >= 2);  // at least scaled and zero must have been tried
    }
}
