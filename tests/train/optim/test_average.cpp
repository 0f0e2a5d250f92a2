// Averaged weights: timm's numbers by loops and by kernels, in the place of the trained ones and back, halted steps.
#include "core/threads.h"
#include "cuda/runtime/runtime.h"
#include "tests/support/catch.h"
#include "tests/support/long_model.h"
#include "tests/support/support.h"
#include "tests/support/training_fixture.h"
#include "train/optim/average.h"
#include "train/optim/flat_table.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

struct WithBuffer : Module {
    Parameter w;
    Buffer b;
    WithBuffer() {
        declare("w", w, {4}, Init::normal(1), Decay::yes, Precision::mixed);
        declare("b", b, {2}, 1);
    }
};

void follows_timm(const std::string& name, DType dtype, Device device, double tolerance) {
    const auto& fixture = training_fixture()["average"];
    WithBuffer model;
    const Parameters parameters(model, dtype, Random{1, 0}, device);
    WeightAverage average(parameters, {fixture["decay"], name == "warmed"});
    for (size_t t = 0; t < fixture[name].size(); ++t) {
        INFO(name << ", update " << t + 1);
        const auto& entry = parameters.entries()[0];
        entry.value.copy_from(tensor_of(fixture["weights"][t], {4}, entry.value));
        const Tensor& buffer = parameters.buffer_entries()[0].value;
        buffer.copy_from(tensor_of(fixture["buffers"][t], {2}, buffer));
        average.update();
        auto seen = average.values().subrange(entry.offset, {4}).values();
        for (const double b : average.buffers().subrange(0, {2}).values()) seen.push_back(b);
        REQUIRE(relative_error_of(seen, fixture[name][t].get<std::vector<double>>()) < tolerance);
    }
    REQUIRE(average.updates() == static_cast<int64_t>(fixture[name].size()));
}

}  // namespace

TEST_CASE("averaged weights and buffers are timm's, with a warm-up and without, by loops and by kernels") {
    for (const std::string name : {"plain", "warmed"})
        for (const Device device : {Device::cpu, Device::cuda}) {
            follows_timm(name, DType::float64, device, 1e-14);
            follows_timm(name, DType::float32, device, 1e-6);
            follows_timm(name, DType::bfloat16, device, 1e-6);  // whose weights are float32
        }
}

TEST_CASE("a warm-up keeps 1 - t^(-2/3) of the average until that is more than the decay, and a first update nothing") {
    const cuda::AverageNumbers warmed{0.9, 1}, plain{0.9, 0};
    REQUIRE(cuda::average_decay(warmed, 1) == 0);
    REQUIRE(cuda::average_decay(plain, 1) == 0);
    REQUIRE(cuda::average_decay(plain, 2) == 0.9);
    REQUIRE(cuda::average_decay(warmed, 8) == Approx(0.75).epsilon(1e-15));
    REQUIRE(cuda::average_decay(warmed, 31) < 0.9);
    REQUIRE(cuda::average_decay(warmed, 32) == 0.9);
}

TEST_CASE("kernels average long parameters as loops do, the same for any number of threads and in any order") {
    std::vector<Tensor> averages;
    const int threads = thread_count();
    for (const int count : {1, 2, 3}) {
        set_thread_count(count);
        Long model;
        const Parameters parameters(model, DType::float32, Random{3, 0});
        WeightAverage average(parameters, {.decay = 0.7});
        const auto optimiser = make_optimiser("adamw", parameters);
        for (uint64_t step = 1; step <= 3; ++step) {
            receive_random(parameters, step);
            optimiser->step(0.1);
            average.update();
        }
        averages.push_back(average.values());
    }
    set_thread_count(threads);
    REQUIRE(same_bits(averages[0], averages[1]));
    REQUIRE(same_bits(averages[0], averages[2]));
    for (const uint32_t order : {0U, 5U}) {
        const uint32_t before = cuda::permute_threads(order);
        Long model;
        const Parameters parameters(model, DType::float32, Random{3, 0}, Device::cuda);
        const auto optimiser = make_averaging(make_optimiser("adamw", parameters), parameters, {.decay = 0.7});
        for (uint64_t step = 1; step <= 3; ++step) {
            receive_random(parameters, step);
            optimiser->step(0.1);
        }
        REQUIRE(optimiser->steps() == 3);
        REQUIRE(largest_difference(optimiser->average()->values(), averages[0]) < 1e-6);
        cuda::permute_threads(before);
    }
}

TEST_CASE("averaged weights take the place of the trained ones, copies and buffers too, and give it back to the bit") {
    for (const Device device : {Device::cpu, Device::cuda})
        for (const DType dtype : {DType::float32, DType::bfloat16}) {
            WithBuffer model;
            const Parameters parameters(model, dtype, Random{1, 0}, device);
            WeightAverage average(parameters, {.decay = 0.5});
            const Tensor first = parameters.values().clone();
            {
                const AveragedInPlace none(&average);  // before any update
                REQUIRE(same_bits(parameters.values(), first));
            }
            average.update();
            parameters.values().fill_zero();
            parameters.buffers().fill_zero();
            parameters.renew_copies();
            average.update();
            const Tensor leaf = model.w.value.clone();
            {
                const AveragedInPlace averaged(&average);
                REQUIRE(same_bits(parameters.values(), average.values()));
                REQUIRE(parameters.buffer_entries()[0].value.values() == std::vector<double>(2, 0.5));
                REQUIRE(same_bits(model.w.value, parameters.entries()[0].value.to(dtype)));
                REQUIRE_FALSE(same_bits(model.w.value, leaf));
            }
            for (const double one : parameters.values().values()) REQUIRE(one == 0);
            for (const double one : parameters.buffers().values()) REQUIRE(one == 0);
            REQUIRE(same_bits(model.w.value, leaf));
        }
}

TEST_CASE("a halted step leaves the average alone") {
    Long model;
    const Parameters parameters(model, DType::float32, Random{3, 0}, Device::cuda);
    const auto optimiser = make_averaging(make_optimiser("sgd", parameters), parameters, {});
    receive_random(parameters, 1);
    optimiser->step(0.1);
    const Tensor before = optimiser->average()->values().clone();
    cuda::StepControl control;
    control.current = 0;
    control.halted = 1;
    const DeviceStepControl halted;
    halted.write(control);
    optimiser->step_by(halted.data());
    REQUIRE(same_bits(optimiser->average()->values(), before));
    REQUIRE(optimiser->average()->updates() == 1);
}

TEST_CASE("an average names a decay that is out of range") {
    Long model;
    const Parameters parameters(model, DType::float32, Random{3, 0});
    REQUIRE(error_of([&] { WeightAverage(parameters, {.decay = 1.5}); }) ==
            "[average] decay must be in [0, 1), got 1.5");
    REQUIRE(error_of([&] { WeightAverage(parameters, {.decay = -1}); }) == "[average] decay must be in [0, 1), got -1");
}
