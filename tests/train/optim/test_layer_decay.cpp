// Layer-wise decay: timm's layers of a Swin, and rates that every optimiser follows.
#include "tests/support/catch.h"
#include "tests/support/long_model.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "tests/support/training_fixture.h"

#include <set>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("a Swin's layers learn at timm's shares of the rate") {
    const auto& expected = training_fixture()["layers"];
    SwinV2 model(small_config());
    Parameters parameters(model, DType::float32, Random{1, 0});
    for (const auto& entry : parameters.entries()) REQUIRE(entry.rate == 1);
    parameters.decay_rates(model, 0.75);
    std::set<double> rates;
    for (const auto& entry : parameters.entries()) {
        INFO(entry.name);
        REQUIRE(expected.contains(entry.name));
        REQUIRE(entry.rate == Approx(expected[entry.name].get<double>()).epsilon(1e-14));
        rates.insert(entry.rate);
    }
    REQUIRE(rates.size() == 5);  // patches, three blocks, head
    REQUIRE(parameters.entries().size() == expected.size());
}

TEST_CASE("an optimiser multiplies the learning rate by an entry's, by loops and by kernels") {
    struct Layered : Long {
        std::optional<int64_t> layer_of(const std::string& name) const override {
            if (name == "a") return 2;
            if (name == "b") return 0;
            return std::nullopt;  // as the highest
        }
    };
    for (const std::string name : {"adamw", "sgd", "muon"})
        for (const Device device : {Device::cpu, Device::cuda}) {
            INFO(name);
            Layered layered, alike, slow;
            Parameters of_layers(layered, DType::float64, Random{3, 0}, device);
            of_layers.decay_rates(layered, 0.5);
            const Parameters plain(alike, DType::float64, Random{3, 0}, device);
            const Parameters quarter(slow, DType::float64, Random{3, 0}, device);
            const auto a = make_optimiser(name, of_layers), b = make_optimiser(name, plain),
                       c = make_optimiser(name, quarter);
            for (uint64_t step = 1; step <= 2; ++step) {
                for (const Parameters* parameters : {static_cast<const Parameters*>(&of_layers), &plain, &quarter})
                    receive_random(*parameters, step);
                a->step(0.1);
                b->step(0.1);
                c->step(0.025);
            }
            const auto same = [&](const Parameters& other, size_t entry) {
                return same_bits(of_layers.entries()[entry].value, other.entries()[entry].value);
            };
            REQUIRE(same(plain, 0));
            REQUIRE(same(quarter, 1));
            REQUIRE_FALSE(same(plain, 1));
            REQUIRE(same(plain, 2));
        }
}

TEST_CASE("layer-wise decay of a model that knows no layers is refused in a line") {
    Long model;
    Parameters parameters(model, DType::float32, Random{3, 0});
    REQUIRE(error_of([&] { parameters.decay_rates(model, 0.5); }) == "the model knows no layers (Module::layer_of)");
}
