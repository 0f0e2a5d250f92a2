#include "core/threads.h"
#include "models/swin/swin_v2.h"
#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/toy_model.h"
#include "train/loop/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace swingrad;
using namespace swingrad::test;

namespace {

struct Nested : Module {
    Parameter first, last;
    ToyModel inner, other;

    Nested() {
        declare("first", first, {33}, Init::constant(1.5), Decay::no);
        declare("layers.0", inner);
        declare("layers.1", other);
        declare("last", last, {}, Init::normal(1), Decay::yes, Precision::mixed);
    }
};

struct Large : Module {
    Parameter normal, uniform;

    Large() {
        declare("normal", normal, {257, 200}, Init::normal(0.02), Decay::yes, Precision::mixed);
        declare("uniform", uniform, {200, 257}, Init::uniform(0.1), Decay::yes, Precision::mixed);
    }
};

struct Twice : Module {
    Parameter a, b;
    explicit Twice(const std::string& second) {
        declare("a", a, {1}, Init::constant(0), Decay::no);
        declare(second, b, {1}, Init::constant(0), Decay::no);
    }
};

}  // namespace

TEST_CASE("a module names its parameters by dotted paths in order of declaration and counts them without memory") {
    Nested model;
    std::vector<std::string> names;
    for (const NamedParameter& named : model.parameters()) names.push_back(named.name);
    REQUIRE(names == std::vector<std::string>{"first", "layers.0.weight", "layers.0.bias", "layers.0.late",
                                              "layers.1.weight", "layers.1.bias", "layers.1.late", "last"});
    REQUIRE(model.parameter_count() == 33 + 10 + 10 + 1);
    REQUIRE_FALSE(model.first.value.defined());
}

TEST_CASE("a member's name must be new and not empty") {
    REQUIRE(error_of([] { Twice("a"); }) == "[module] \"a\" is declared twice");
    REQUIRE(error_of([] { Twice(""); }) == "[module] a member's name must not be empty");
    REQUIRE(error_of([] { Twice("b"); }) == "no error");
}

TEST_CASE("parameters lie in one flat tensor at multiples of 16 with zeros between") {
    Nested model;
    const Parameters parameters(model, DType::float32, Random{5, 0});
    REQUIRE(parameters.count() == model.parameter_count());
    std::vector<bool> used(static_cast<size_t>(parameters.values().numel()), false);
    for (const auto& entry : parameters.entries()) {
        REQUIRE(entry.offset % 16 == 0);
        REQUIRE(entry.value.shape() == entry.shape);
        REQUIRE(entry.value.data<float>() == parameters.values().data<float>() + entry.offset);
        for (int64_t i = 0; i < entry.shape.numel(); ++i) {
            REQUIRE_FALSE(used[static_cast<size_t>(entry.offset + i)]);
            used[static_cast<size_t>(entry.offset + i)] = true;
        }
    }
    for (size_t i = 0; i < used.size(); ++i)
        if (!used[i]) REQUIRE(parameters.values().data<float>()[i] == 0);
    REQUIRE(parameters.entries()[0].decay == Decay::no);
    REQUIRE(parameters.entries()[1].decay == Decay::yes);
}

TEST_CASE("the module's own handles are the leaves that parameters allocated") {
    ToyModel model;
    const Parameters parameters(model, DType::float64, Random{5, 0});
    REQUIRE(model.bias.value.autograd() == parameters.entries()[1].value.autograd());
    REQUIRE(model.bias.value.address() == parameters.entries()[1].value.address());
}

TEST_CASE("start values have the distribution that was declared") {
    Large model;
    const Parameters parameters(model, DType::float64, Random{6, 0});
    const auto normal = model.normal.value.values(), uniform = model.uniform.value.values();
    const auto moment = [](const std::vector<double>& x, int power) {
        return std::accumulate(x.begin(), x.end(), 0.0, [&](double s, double v) { return s + std::pow(v, power); }) /
               static_cast<double>(x.size());
    };
    // 51400 draws: a mean is off by some 0.0044 deviations, a variance by 0.6 %, a fourth moment by some 4 %.
    REQUIRE(std::abs(moment(normal, 1)) < 0.02 * 0.02);
    REQUIRE(moment(normal, 2) == Approx(0.02 * 0.02).epsilon(0.03));
    REQUIRE(moment(normal, 4) == Approx(3 * std::pow(0.02, 4)).epsilon(0.1));
    REQUIRE(std::abs(moment(uniform, 1)) < 0.1 * 0.02);
    REQUIRE(moment(uniform, 2) == Approx(0.1 * 0.1 / 3).epsilon(0.03));
    const auto [least, most] = std::minmax_element(uniform.begin(), uniform.end());
    REQUIRE(*least >= -0.1);
    REQUIRE(*least < -0.0999);
    REQUIRE(*most < 0.1);
    REQUIRE(*most > 0.0999);
    ToyModel toy;
    const Parameters constant(toy, DType::float32, Random{6, 0});
    REQUIRE(toy.late.value.item() == 2);
}

TEST_CASE("start values depend on the seed and the position, not on threads, and each parameter has its own") {
    Large model;
    const int threads = thread_count();
    set_thread_count(1);
    const auto alone = Parameters(model, DType::float32, Random{7, 0}).values().values();
    set_thread_count(3);
    REQUIRE(Parameters(model, DType::float32, Random{7, 0}).values().values() == alone);
    set_thread_count(threads);
    REQUIRE(Parameters(model, DType::float32, Random{8, 0}).values().values() != alone);

    Nested nested;
    const Parameters parameters(nested, DType::float64, Random{7, 0});
    REQUIRE(nested.inner.weight.value.values() != nested.other.weight.value.values());
}

TEST_CASE("gradients arrive in the flat gradient tensor and replace what was cleared") {
    ToyModel model;
    const Parameters parameters(model, DType::float64, Random{5, 0});
    const Tensor weight = random_tensor({2, 3}, Random{9, 0}), bias = random_tensor({3}, Random{9, 1});
    REQUIRE(parameters.without_gradient() == std::vector<std::string>{"weight", "bias", "late"});
    receive(parameters, {weight, bias, {}});
    REQUIRE(parameters.without_gradient() == std::vector<std::string>{"late"});
    const int64_t of_weight = parameters.entries()[0].offset, of_bias = parameters.entries()[1].offset;
    REQUIRE(parameters.gradients().subrange(of_weight, {2, 3}).values() == weight.values());
    REQUIRE(parameters.gradients().subrange(of_bias, {3}).values() == bias.values());
    REQUIRE(gradient(model.bias).address() == parameters.gradients().data<double>() + of_bias);

    receive(parameters, {weight, {}, {}});
    REQUIRE(parameters.gradients().subrange(of_weight, {2, 3}).values() == weight.values());  // replaced, not added to
    REQUIRE(parameters.without_gradient() == std::vector<std::string>{"bias", "late"});
}

TEST_CASE("a model that is only asked has no gradients, and computes the same") {
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
        const SwinConfig config = small_swin();
        SwinV2 trained(config), asked(config);
        const Parameters with(trained, dtype, Random{5, 0}),
            without(asked, dtype, Random{5, 0}, Device::cpu, Gradients::no);
        REQUIRE(!without.gradients().defined());
        REQUIRE(!without.copies_gradients().defined());
        // In mixed precision there are the copies alone: nothing takes float32's memory twice.
        if (dtype == DType::float32) REQUIRE(same_bits(without.values(), with.values()));
        else REQUIRE(without.values().numel() < with.values().numel());
        for (size_t i = 0; i < with.entries().size(); ++i)
            REQUIRE(same_bits(without.entries()[i].leaf, with.entries()[i].leaf));
        const Tensor images =
            random_tensor({2, config.img_size.rows, config.img_size.columns, 3}, Random{9, 0}).to(DType::float32);
        Tape tape;
        const Tensor answer = asked.forward(asked.as_input(images));
        REQUIRE(tape.size() == 0);
        REQUIRE(same_bits(answer, trained.forward(trained.as_input(images))));
        REQUIRE(tape.size() > 0);

        // A file of weights fills them alike.
        const TemporaryDirectory folder;
        const Parameters other(trained, dtype, Random{6, 0});
        save_weights(folder / "w.safetensors", other);
        load_weights(folder / "w.safetensors", without);
        REQUIRE(same_bits(asked.forward(asked.as_input(images)), trained.forward(trained.as_input(images))));
    }
}

TEST_CASE("parameters are of a floating type") {
    ToyModel model;
    REQUIRE(error_of([&] {
                Parameters(model, DType::int64, Random{1, 0});
            }) == "[parameters] expects float32 or float64, got int64");
}

TEST_CASE("a seed gives the same start values on every device and in mixed precision") {
    Nested here, there, mixed;
    const Parameters on_cpu(here, DType::float32, Random{7, 0});
    const Parameters on_device(there, DType::float32, Random{7, 0}, Device::cuda);
    const Parameters in_both(mixed, DType::bfloat16, Random{7, 0}, Device::cuda);
    REQUIRE(on_device.device() == Device::cuda);
    REQUIRE(same_bits(on_device.values(), on_cpu.values()));
    REQUIRE(same_bits(in_both.values(), on_cpu.values()));
    REQUIRE_FALSE(on_device.copies().defined());
    REQUIRE(there.first.value.device() == Device::cuda);
}

TEST_CASE("in mixed precision the model computes with bfloat16 copies of what products multiply by, and no others") {
    ToyModel model;
    const Device device = GENERATE(Device::cpu, Device::cuda);
    const Parameters parameters(model, DType::bfloat16, Random{7, 0}, device);
    REQUIRE(parameters.dtype() == DType::bfloat16);
    REQUIRE(parameters.values().dtype() == DType::float32);
    REQUIRE(parameters.gradients().dtype() == DType::float32);
    REQUIRE(model.weight.value.dtype() == DType::bfloat16);
    REQUIRE(model.bias.value.dtype() == DType::float32);
    const auto &weight = parameters.entries()[0], &bias = parameters.entries()[1];
    REQUIRE(same_bits(weight.leaf, weight.value.to(DType::bfloat16)));
    REQUIRE(bias.leaf.address() == bias.value.address());
    weight.value.fill_zero();
    parameters.renew_copies();
    REQUIRE(model.weight.value.values() == std::vector<double>(6, 0.0));

    receive(parameters, {random_tensor({2, 3}, Random{9, 0}).to(DType::bfloat16).on(device),
                         random_tensor({3}, Random{9, 1}).to(DType::float32).on(device),
                         {}});
    REQUIRE(parameters.without_gradient() == std::vector<std::string>{"late"});
    REQUIRE(same_bits(parameters.copies_gradients().subrange(weight.offset, {2, 3}),
                      random_tensor({2, 3}, Random{9, 0}).to(DType::bfloat16)));
    REQUIRE(parameters.gradients().numel() <= weight.offset);
    REQUIRE(same_bits(parameters.gradients().subrange(bias.offset, {3}),
                      random_tensor({3}, Random{9, 1}).to(DType::float32)));
}
