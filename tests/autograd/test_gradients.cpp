// Every operation's gradient, and the proof that a wrong one would be noticed.
#include "autograd/gradcheck.h"
#include "ops/operation.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

using namespace swingrad;

namespace {

// Names of the functions that take a tensor first, or a list of tensors, as the library of operations exports them.
std::set<std::string> operations() {
    Dl_info library;
    REQUIRE(dladdr(reinterpret_cast<void*>(&relu), &library) != 0);
    const std::string command = fmt::format("nm -DC --defined-only '{}'", library.dli_fname);
    const std::unique_ptr<FILE, int (*)(FILE*)> symbols(popen(command.c_str(), "r"), pclose);
    REQUIRE(symbols != nullptr);
    const std::regex function(
        " T swingrad::([a-z0-9_]+)\\((swingrad::Tensor|std::vector<swingrad::Tensor,.*>) const&.*");
    std::set<std::string> names;
    std::smatch match;
    char line[4096];
    while (fgets(line, sizeof line, symbols.get()))
        if (const std::string text = line; std::regex_search(text, match, function)) names.insert(match[1]);
    // Functions beside the operations: what a padded token holds, and attention composed of operations. And one that
    // has no gradient.
    for (const char* other : {"padding_of", "plain_attention", "attention_weights", "argmax"}) names.erase(other);
    return names;
}

// "layout/permute/leading" -> "layout", "permute", "leading"
std::vector<std::string> parts_of(const std::string& name) {
    std::vector<std::string> parts;
    std::istringstream stream(name);
    for (std::string part; std::getline(stream, part, '/');) parts.push_back(part);
    return parts;
}

// What one node's backward returned in the check of a case.
struct Walked {
    std::string name;
    NeedsInputGrad needs_input_grad;
    std::vector<Tensor> gradients;
};

std::vector<Walked> walk(const GradientCase& one, const std::vector<Tensor>& inputs, Device device) {
    std::vector<Walked> nodes;
    GradcheckOptions options = one.options;
    options.device = device;
    options.directions = 1;  // what backward returns is looked at, not the check
    options.mutate = [&](const Node& node, const NeedsInputGrad& needs_input_grad, std::vector<Tensor>& gradients) {
        nodes.push_back({std::string(node.name()), needs_input_grad, {}});
        for (const Tensor& gradient : gradients)
            nodes.back().gradients.push_back(gradient.defined() ? gradient.on_cpu() : gradient);
    };
    gradcheck(one.function, inputs, options, one.name);
    return nodes;
}

}  // namespace

TEST_CASE("every operation's gradient agrees with central differences, by fast paths and by plain loops") {
    std::optional<test::PlainLoops> plain;
    if (GENERATE(false, true)) plain.emplace();
    for (const GradientCase& one : gradient_cases()) DYNAMIC_SECTION(one.name) {
            const auto result = gradcheck(one.function, one.inputs(Random{11, 0}), one.options, one.name);
            INFO(result.report);
            REQUIRE(result.ok);
        }
}

TEST_CASE("every operation's gradient agrees with central differences, by kernels too") {
    for (const GradientCase& one : gradient_cases()) DYNAMIC_SECTION(one.name) {
            GradcheckOptions options = one.options;
            options.device = Device::cuda;
            const auto result = gradcheck(one.function, one.inputs(Random{11, 0}), options, one.name);
            INFO(result.report);
            REQUIRE(result.ok);
        }
}

// Without a step there is only rounding. Second derivatives are looked at too.
TEST_CASE("every operation's gradient agrees with dual numbers to the second order, by fast paths and by plain loops") {
    std::optional<test::PlainLoops> plain;
    if (GENERATE(false, true)) plain.emplace();
    for (const GradientCase& one : gradient_cases()) DYNAMIC_SECTION(one.name) {
            const DualErrors errors = dual_check(one.function, one.inputs(Random{11, 0}), one.options, one.name);
            INFO(errors.report);
            REQUIRE(errors.report.empty());
            REQUIRE(errors.first < 1e-12);
            REQUIRE(errors.asymmetry < 1e-11);
        }
}

TEST_CASE("every operation's gradient agrees with dual numbers to the second order, by kernels too") {
    for (const GradientCase& one : gradient_cases()) DYNAMIC_SECTION(one.name) {
            GradcheckOptions options = one.options;
            options.device = Device::cuda;
            const DualErrors errors = dual_check(one.function, one.inputs(Random{11, 0}), options, one.name);
            INFO(errors.report);
            REQUIRE(errors.report.empty());
            REQUIRE(errors.first < 1e-12);
            REQUIRE(errors.asymmetry < 1e-11);
        }
}

TEST_CASE("every operation's values are the same in dual numbers as in double") {
    const test::PlainLoops plain;
    for (const GradientCase& one : gradient_cases()) DYNAMIC_SECTION(one.name) {
            const auto inputs = one.inputs(Random{11, 0});
            auto duals = inputs;
            for (Tensor& input : duals)
                if (input.dtype() == DType::float64) input = input.to(DType::dual);
            REQUIRE(test::largest_difference(one.function(duals), one.function(inputs)) < 1e-13);
        }
}

TEST_CASE("every operation has a gradient case that bears its name") {
    std::set<std::string> covered;
    for (const GradientCase& one : gradient_cases())
        for (const std::string& part : parts_of(one.name)) covered.insert(part);
    for (const char* found : {"layer_norm", "concat"}) REQUIRE(operations().count(found) == 1);
    for (const std::string& name : operations()) {
        INFO(name);
        REQUIRE(covered.count(name) == 1);
    }
}

TEST_CASE("every input of every node needs its gradient in some case") {
    std::map<std::string, NeedsInputGrad> needed;
    for (const GradientCase& one : gradient_cases())
        for (const Walked& node : walk(one, one.inputs(Random{11, 0}), Device::cpu)) {
            NeedsInputGrad& so_far = needed[node.name];
            so_far.resize(std::max(so_far.size(), node.needs_input_grad.size()));
            for (size_t i = 0; i < node.needs_input_grad.size(); ++i) so_far[i] = so_far[i] || node.needs_input_grad[i];
        }
    for (const auto& [name, inputs] : needed)
        for (size_t i = 0; i < inputs.size(); ++i) {
            INFO("input " << i << " of node " << name);
            REQUIRE(inputs[i]);
        }
}

// ---- perturbation: mutate what one input of one node's backward returned, in four ways

namespace {

enum class Mutation { scaled, zero, transposed, swapped };
constexpr const char* mutation_names[] = {"times 1.01", "zero", "transposed", "another input's"};

bool differ(const Tensor& a, const Tensor& b) { return a.values() != b.values(); }
bool all_equal(const Tensor& tensor) {
    const auto values = tensor.values();
    return std::all_of(values.begin(), values.end(), [&](double value) { return value == values[0]; });
}

Tensor scaled(const Tensor& gradient, double factor) {
    Tensor result = gradient.clone();
    for (double& value : result.span<double>()) value *= factor;
    return result;
}

Tensor transposed(const Tensor& gradient) {
    const int64_t columns = gradient.shape().rank() > 0 ? gradient.shape()[-1] : 1;
    const int64_t rows = gradient.shape().rows();
    Tensor result = Tensor::empty(gradient.shape(), gradient.dtype());
    const double* from = gradient.data<double>();
    double* to = result.data<double>();
    if (rows == 1 || columns == 1) {  // nothing to transpose: reversed instead
        std::reverse_copy(from, from + gradient.numel(), to);
        return result;
    }
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
    return result;
}

// The elements of another input's gradient, repeated to fill the shape. Undefined where there is no other one, or
// where all others are the same (add returns dy twice).
Tensor of_another(const Walked& node, size_t input) {
    const Tensor& right = node.gradients[input];
    for (size_t other = 0; other < node.gradients.size(); ++other) {
        if (other == input || !node.needs_input_grad[other]) continue;
        Tensor result = Tensor::empty(right.shape(), right.dtype());
        const std::span<double> from = node.gradients[other].span<double>(), to = result.span<double>();
        for (size_t i = 0; i < to.size(); ++i) to[i] = from[i % from.size()];
        if (differ(result, right)) return result;
    }
    return {};
}

Tensor mutated(Mutation how, const Walked& node, size_t input) {
    const Tensor& right = node.gradients[input];
    switch (how) {
        case Mutation::scaled: return scaled(right, 1.01);
        case Mutation::zero: return scaled(right, 0);
        case Mutation::transposed: return all_equal(right) ? Tensor() : transposed(right);
        case Mutation::swapped: return of_another(node, input);
    }
    return {};
}

enum class Witness { differences, dual_numbers };

bool passes_with(const Tensor& wrong, const GradientCase& one, const std::vector<Tensor>& inputs, size_t node,
                 size_t input, Device device, Witness by) {
    size_t visited = 0;
    GradcheckOptions options = one.options;
    options.device = device;
    options.mutate = [&](const Node&, const NeedsInputGrad&, std::vector<Tensor>& gradients) {
        if (visited++ == node) gradients[input] = wrong.on(device);
    };
    return by == Witness::differences ? gradcheck(one.function, inputs, options, one.name).ok
                                      : dual_check(one.function, inputs, options, one.name).report.empty();
}

void require_each_mutation_noticed(Device device, Witness by) {
    for (const GradientCase& one : gradient_cases()) {
        const auto inputs = one.inputs(Random{11, 0});
        const auto nodes = walk(one, inputs, device);
        INFO(one.name);
        REQUIRE(!nodes.empty());
        for (size_t node = 0; node < nodes.size(); ++node)
            for (size_t input = 0; input < nodes[node].needs_input_grad.size(); ++input) {
                if (!nodes[node].needs_input_grad[input]) continue;
                for (const Mutation how : {Mutation::scaled, Mutation::zero, Mutation::transposed, Mutation::swapped}) {
                    const Tensor wrong = mutated(how, nodes[node], input);
                    if (!wrong.defined()) continue;
                    INFO("node " << nodes[node].name << ", input " << input << ", "
                                 << mutation_names[static_cast<int>(how)]);
                    // A gradient that mutating does not change proves nothing: the case needs other inputs.
                    REQUIRE(differ(wrong, nodes[node].gradients[input]));
                    REQUIRE_FALSE(passes_with(wrong, one, inputs, node, input, device, by));
                }
            }
    }
}

}  // namespace

TEST_CASE("a mutated gradient makes every operation's check fail, on the CPU and by kernels") {
    require_each_mutation_noticed(GENERATE(Device::cpu, Device::cuda), Witness::differences);
}

TEST_CASE("a mutated gradient is noticed by dual numbers too, on the CPU and by kernels") {
    require_each_mutation_noticed(GENERATE(Device::cpu, Device::cuda), Witness::dual_numbers);
}
