// What a model is made of beside its operations: names, modes, random streams, buffers, containers, layers.
#include "autograd/gradcheck.h"
#include "core/factories.h"
#include "cuda/runtime/runtime.h"
#include "models/nn/containers.h"
#include "models/nn/convolution.h"
#include "models/nn/parameters.h"
#include "models/nn/sequence.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

struct Forgetful : Module {
    Linear layer{2, 3};  // never declared
    Tensor forward(const Tensor& x) const override { return layer(x); }
};

// Two dropouts, a drop path and a batch norm between two layers.
struct Mixed : Module {
    Linear first{4, 6}, last{6, 2};
    Dropout dropout1{0.5}, dropout2{0.5};
    DropPath drop_path{0.5};
    BatchNorm2d norm{6};

    Mixed() {
        declare("first", first);
        declare("dropout1", dropout1);
        declare("dropout2", dropout2);
        declare("drop_path", drop_path);
        declare("norm", norm);
        declare("last", last);
    }
    Tensor forward(const Tensor& x) const override { return last(drop_path(dropout2(dropout1(norm(first(x)))))); }
};

std::vector<std::string> names_of(Module& model) {
    std::vector<std::string> names;
    for (const NamedParameter& one : model.parameters()) names.push_back(one.name);
    return names;
}

}  // namespace

TEST_CASE("a module that declares nothing is an error that says so, and a layer left out of it too") {
    Forgetful model;
    const std::string said = error_of([&] { Parameters(model, DType::float32, Random{}); });
    REQUIRE(said.find("declares no parameter") != std::string::npos);
    const std::string left_out = error_of([&] { model(Tensor::zeros({1, 2})); });
    REQUIRE((left_out.starts_with("[module] weight [3, 2] ") || left_out.starts_with("[module] bias [3] ")));
    REQUIRE(left_out.find("has no memory yet: Parameters(model, ...) gives memory to all that the model declares") !=
            std::string::npos);
    REQUIRE(error_of([&] { Module().forward(Tensor::zeros({2})); }) ==
            "[module] this module has no forward(x) of one tensor; it was given float32 [2] on cpu");
}

TEST_CASE("a module in two places, in itself, or with names that files cannot hold is refused") {
    struct Named : Module {
        Linear layer{2, 2};
        Parameter parameter;
        explicit Named(const std::vector<std::string>& names) {
            for (const std::string& name : names) declare(name, layer);
        }
        void add_parameter(const std::string& name) { declare(name, parameter, {2}, Init::constant(0)); }
        void add_itself() { declare("again", *this); }
    };
    const auto refused = [](Module& model) { return error_of([&] { Parameters(model, DType::float32, Random{}); }); };
    Named twice({"a", "b"}), dotted({"a"}), reserved({"optimizer"}), bytes({"a\xff"}), itself({"a"});
    dotted.add_parameter("a.weight");
    REQUIRE(refused(twice) ==
            "[parameters] a.weight and b.weight are one: a module may be declared in one place alone");
    REQUIRE(refused(dotted) == "[parameters] two members are named \"a.weight\"");
    REQUIRE(refused(reserved) == "[parameters] the name optimizer.weight is kept for files of checkpoints");
    REQUIRE(refused(bytes) == "[parameters] a member's name is not UTF-8: \"a\\xff.weight\"");
    REQUIRE(error_of([&] { itself.add_itself(); }) == "[module] \"again\" is declared in itself");
}

TEST_CASE("containers name their modules by number and run them in order") {
    Sequential net;
    net.add<Linear>(3, 5);
    net.add<Apply>(relu);
    net.add<Linear>(5, 2, LinearOptions{.bias = false});
    REQUIRE(names_of(net) == std::vector<std::string>{"0.weight", "0.bias", "2.weight"});
    const Parameters parameters(net, DType::float64, Random{1, 2});
    const Tensor x = random_tensor({4, 3}, Random{3, 4});
    const auto& entries = parameters.entries();
    const Tensor expected = linear(relu(linear(x, entries[0].value, entries[1].value)), entries[2].value);
    REQUIRE(net(x).values() == expected.values());
    REQUIRE(net[2].name() == "2");
    REQUIRE(net.parameter_count() == 3 * 5 + 5 + 5 * 2);
}

TEST_CASE("a recorded operation belongs to the module that was called") {
    Sequential net;
    net.add<Sequential>().add<Linear>(2, 2);
    const Parameters parameters(net, DType::float32, Random{});
    Tape tape;
    net(Tensor::zeros({1, 2}));
    REQUIRE(tape.entries().size() == 1);
    REQUIRE(tape.entries()[0].scope == "0.0");
}

TEST_CASE(
    "in training modules draw from streams of their own, alike in every call of a step; in evaluation not at all") {
    Mixed model;
    const Parameters parameters(model, DType::float64, Random{1, 2});
    const Tensor x = random_tensor({8, 4}, Random{3, 4});
    const auto still = model(x).values();
    REQUIRE(model(x).values() == still);
    model.train(Random{5, 6});
    const auto once = model(x).values();
    REQUIRE(once != still);
    REQUIRE(model(x).values() == once);
    model.train(Random{5, 7});
    REQUIRE(model(x).values() != once);
    model.train(Random{5, 6});
    REQUIRE(model(x).values() == once);
    // Two layers in a row at rate 0.5 leave a quarter of the elements, not a half, as one stream would.
    Sequential two;
    two.add<Dropout>(0.5);
    two.add<Dropout>(0.5);
    two.train(Random{8, 9});
    const auto kept = two(full({40'000}, 1)).values();
    const auto left = static_cast<double>(std::count_if(kept.begin(), kept.end(), [](double v) { return v != 0; }));
    REQUIRE(left / 40'000 == Approx(0.25).margin(0.02));
    model.eval();
    REQUIRE_FALSE(model.training());
    REQUIRE_FALSE(model.draws_in_forward());
    struct Counts final : Module {
        bool draws_in_forward() const override { return true; }
    };
    two.add<Counts>();
    REQUIRE(two.draws_in_forward());  // one that says so says it for the whole
}

TEST_CASE("a captured dropout draws anew at each launch what it would have drawn on the CPU") {
    Dropout dropout(0.4);
    const Tensor x = random_tensor({5, 33}, Random{6, 1}), there = x.on(Device::cuda);
    const auto on_cpu = [&](uint64_t step) {
        dropout.train(Random{6, step});
        return dropout(x);
    };
    const auto prepare = [&](uint64_t step) {
        dropout.train(Random{6, step});
        dropout.draw_ahead(5, x.dtype(), Device::cuda);
    };
    prepare(2);
    const Tensor y = dropout(there);
    REQUIRE(same_bits(y, on_cpu(2)));
    prepare(3);
    cuda::Graph graph([&] { y.copy_from(dropout(there)); });
    for (const uint64_t step : {3, 4, 5}) {
        prepare(step);
        graph.launch();
        REQUIRE(same_bits(y, on_cpu(step)));
    }
    REQUIRE_FALSE(same_bits(on_cpu(4), on_cpu(5)));
}

TEST_CASE("an observer is told what named modules put out, each after those within it") {
    struct Outer final : Module {
        Sequential inner;
        Outer() {
            inner.add<Linear>(2, 3);
            inner.add<Apply>(relu);
            declare("inner", inner);
        }
        Tensor forward(const Tensor& x) const override { return inner(x); }
    };
    Outer model;
    const Parameters parameters(model, DType::float32, Random{1, 2});
    const Tensor x = full({4, 2}, 1);
    std::vector<std::string> names;
    Tensor last;
    {
        const ModuleObserver outer([](const std::string&, const Tensor&) { FAIL("the inner one takes its place"); });
        const ModuleObserver observer([&](const std::string& name, const Tensor& y) {
            names.push_back(name + " " + y.shape().text());
            last = y;
        });
        const Tensor y = model(x);
        REQUIRE(same_bits(y, last));
    }
    model(x);
    REQUIRE(names == std::vector<std::string>{"inner.0 [4, 3]", "inner.1 [4, 3]", "inner [4, 3]"});
}

TEST_CASE("what drop path draws ahead is what it would have drawn, in memory that stays") {
    DropPath drop_path(0.5);
    const Tensor x = full({16, 3}, 1, DType::float64);
    drop_path.train(Random{1, 1});
    const auto expected = drop_path(x).values();
    drop_path.draw_ahead(16, DType::float64, Device::cpu);
    REQUIRE(drop_path(x).values() == expected);
    drop_path.train(Random{1, 2});
    drop_path.draw_ahead(16, DType::float64, Device::cpu);
    const auto other = drop_path(x).values();
    REQUIRE(other != expected);
    drop_path.train(Random{1, 2});  // forgets what was drawn
    REQUIRE(drop_path(x).values() == other);
    REQUIRE_FALSE(drop_path.draws_in_forward());
}

TEST_CASE("buffers have names, a start and no gradient, and follow the batches in training alone") {
    Mixed model;
    const Parameters parameters(model, DType::float64, Random{1, 2});
    REQUIRE(parameters.buffer_entries().size() == 2);
    REQUIRE(parameters.buffer_entries()[0].name == "norm.running_mean");
    REQUIRE(parameters.buffer_entries()[1].value.values() == std::vector<double>(6, 1));
    REQUIRE(parameters.entries().size() == 6);
    const auto before = parameters.buffers().values();
    const Tensor x = random_tensor({8, 4}, Random{3, 4});
    model(x);
    REQUIRE(parameters.buffers().values() == before);
    model.train(Random{});
    model(x);
    REQUIRE(parameters.buffers().values() != before);
}

TEST_CASE("decay and precision are two properties of a parameter") {
    struct Two : Module {
        Parameter decays, mixed;
        Two() {
            declare("decays", decays, {3}, Init::constant(1), Decay::yes, Precision::full);
            declare("mixed", mixed, {5}, Init::constant(1), Decay::no, Precision::mixed);
        }
    } model;
    const Parameters parameters(model, DType::bfloat16, Random{});
    REQUIRE_FALSE(parameters.entries()[0].has_copy());
    REQUIRE(parameters.entries()[0].decay == Decay::yes);
    REQUIRE(parameters.entries()[1].has_copy());
    REQUIRE(model.mixed.value.dtype() == DType::bfloat16);
}

TEST_CASE("attention over a sequence is PyTorch's, and a causal one sees nothing that comes later") {
    for (const bool causal : {false, true}) {
        MultiHeadAttention attention(6, 2, {.causal = causal});
        const Parameters parameters(attention, DType::float64, Random{1, 2});
        const Tensor x = random_tensor({2, 5, 6}, Random{3, 4}), other = x.clone();
        for (int64_t b = 0; b < 2; ++b)
            for (int64_t c = 0; c < 6; ++c) other.data<double>()[(b * 5 + 4) * 6 + c] += 1;  // the last token
        const auto y = attention(x).values(), changed = attention(other).values();
        bool first_four_same = true;
        for (size_t i = 0; i < y.size(); ++i)
            first_four_same = first_four_same && (i / 6 % 5 == 4 || y[i] == changed[i]);
        REQUIRE(first_four_same == causal);
    }
    REQUIRE(error_of([] { MultiHeadAttention(6, 4); }) == "[attention] 6 channels do not divide into 4 heads");
}

TEST_CASE("pools are layers without parameters") {
    const Tensor x = random_tensor({2, 4, 6, 3}, Random{3, 4});
    REQUIRE(MaxPool2d({2, 3}, {2, 1})(x).values() == max_pool2d(x, {2, 3}, {2, 1}).values());
    REQUIRE(AvgPool2d({2, 3}, {2, 1})(x).values() == avg_pool2d(x, {2, 3}, {2, 1}).values());
}

TEST_CASE("layers start as PyTorch's do") {
    Linear linear(25, 400);
    Conv2d conv(4, 100, {5, 5});
    for (Module* layer : {static_cast<Module*>(&linear), static_cast<Module*>(&conv)}) {
        const Parameters parameters(*layer, DType::float64, Random{1, 2});
        const double bound = 1 / std::sqrt(layer == &linear ? 25.0 : 100.0);
        for (const auto& entry : parameters.entries()) {
            const auto values = entry.value.values();
            const double largest = *std::max_element(values.begin(), values.end());
            REQUIRE(largest <= bound);
            REQUIRE(largest > 0.9 * bound);
        }
    }
    REQUIRE(error_of([] {
                Conv2d(4, 6, {3, 3}, {.groups = 3});
            }) == "[conv2d] 4 channels in and 6 out do not divide into 3 groups");
    REQUIRE(error_of([] { Conv2d(4, 6, {0, 3}); }) == "[module] weight must have elements, got [6, 4, 0, 3]");
    REQUIRE(error_of([] { Sequential()[0]; }) == "[module] a list of 0 modules has none at 0");
    REQUIRE(error_of([] { Dropout(1); }) == "[dropout] the rate must be in [0, 1), got 1");
}
