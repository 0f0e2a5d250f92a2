// Clipping by value and adaptive clipping: timm's numbers by loops and by kernels, and what they leave alone.
#include "core/threads.h"
#include "cuda/runtime/runtime.h"
#include "tests/support/catch.h"
#include "tests/support/long_model.h"
#include "tests/support/support.h"
#include "tests/support/training_fixture.h"
#include "train/optim/clip.h"
#include "train/optim/clipping.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

const std::vector<std::pair<std::string, Shape>> shapes{{"first.weight", {3, 4}},      {"first.bias", {3}},
                                                        {"conv.weight", {2, 1, 2, 3}}, {"scale", {}},
                                                        {"head.weight", {2, 3}},       {"head.bias", {2}}};

void clips_as_timm(const std::string& mode, DType dtype, Device device, double tolerance) {
    const auto& fixture = training_fixture()["clip"];
    Named model(shapes);
    const Parameters parameters(model, dtype, Random{1, 0}, device);
    set_values(parameters, fixture["start"]);
    receive_named(parameters, fixture["gradients"]);
    const double norm = gradient_norm(parameters);
    Clipping clipping(parameters, mode == "agc" ? ClipMode::agc : ClipMode::value, fixture[mode]["most"]);
    REQUIRE(clipping.max_norm() == 0);
    REQUIRE(clipping.clip() == norm);
    for (const auto& entry : parameters.entries()) {
        INFO(mode << ", " << entry.name);
        const auto expected = fixture[mode]["gradients"][entry.name].get<std::vector<double>>();
        REQUIRE(relative_error_of(gradient(entry.leaf).values(), expected) < tolerance);
    }
}

}  // namespace

TEST_CASE("clipping by value and adaptive clipping give timm's gradients, by loops and by kernels") {
    for (const std::string mode : {"agc", "value"})
        for (const Device device : {Device::cpu, Device::cuda}) {
            clips_as_timm(mode, DType::float64, device, 1e-14);
            clips_as_timm(mode, DType::float32, device, 1e-6);
            clips_as_timm(mode, DType::bfloat16, device, 1e-2);
        }
}

TEST_CASE("long gradients are clipped the same for any number of threads, and by kernels in any order of theirs") {
    const int threads = thread_count();
    for (const ClipMode mode : {ClipMode::value, ClipMode::agc}) {
        std::vector<std::vector<double>> results;
        for (const int count : {1, 2, 3}) {
            set_thread_count(count);
            Long model;
            const Parameters parameters(model, DType::float32, Random{3, 0});
            receive_random(parameters, 1);
            Clipping(parameters, mode, 0.3).clip();
            results.push_back(parameters.gradients().values());
        }
        set_thread_count(threads);
        REQUIRE(results[0] == results[1]);
        REQUIRE(results[0] == results[2]);
        for (const uint32_t order : {0U, 7U}) {
            const uint32_t before = cuda::permute_threads(order);
            Long model;
            const Parameters parameters(model, DType::float32, Random{3, 0}, Device::cuda);
            receive_random(parameters, 1);
            Clipping(parameters, mode, 0.3).clip();
            REQUIRE(relative_error_of(parameters.gradients().values(), results[0]) < 1e-6);
            cuda::permute_threads(before);
        }
    }
}

TEST_CASE("what is not finite is not clipped, nor anything where nothing is asked for") {
    for (const ClipMode mode : {ClipMode::norm, ClipMode::value, ClipMode::agc}) {
        Long model;
        const Parameters parameters(model, DType::float64, Random{3, 0});
        receive_random(parameters, 1);
        const auto before = parameters.gradients().values();
        REQUIRE(Clipping(parameters, mode, 0).clip() == gradient_norm(parameters));
        REQUIRE(parameters.gradients().values() == before);
        gradient(model.b).data<double>()[3] = std::numeric_limits<double>::infinity();
        REQUIRE(std::isinf(Clipping(parameters, mode, 0.1).clip()));
        REQUIRE(gradient(model.a).values() == std::vector<double>(before.begin() + parameters.entries()[0].offset,
                                                                  before.begin() + parameters.entries()[0].offset +
                                                                      parameters.entries()[0].shape.numel()));
        REQUIRE(error_of([&] { Clipping(parameters, mode, -1); }) == "[clip] the bound must not be negative, got -1");
    }
}

TEST_CASE("clipping by norm is torch's") {
    Long model;
    const Parameters parameters(model, DType::float64, Random{3, 0});
    receive_random(parameters, 1);
    Clipping clipping(parameters, ClipMode::norm, 0.5);
    REQUIRE(clipping.max_norm() == 0.5);
    clipping.clip();
    REQUIRE(gradient_norm(parameters) == Approx(0.5).epsilon(1e-7));
}

TEST_CASE("the last layer is what shares its name with the parameter declared last") {
    Named named(shapes);
    REQUIRE(of_last_layer(Parameters(named, DType::float32, Random{})) ==
            std::vector<bool>{false, false, false, false, true, true});
}
