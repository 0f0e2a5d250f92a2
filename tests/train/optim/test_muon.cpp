// Muon: the numbers of torch.optim.Muon by loops and by kernels, what is made orthogonal, and what AdamW takes.
#include "core/threads.h"
#include "cuda/runtime/runtime.h"
#include "models/nn/layers.h"
#include "models/nn/sequence.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/long_model.h"
#include "tests/support/support.h"
#include "tests/support/training_fixture.h"
#include "train/optim/flat_table.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

const std::vector<std::pair<std::string, Shape>> shapes{{"a.weight", {4, 6}},          {"b.weight", {7, 3}},
                                                        {"conv.weight", {3, 2, 2, 2}}, {"a.bias", {4}},
                                                        {"head.weight", {2, 3}},       {"head.bias", {2}}};

void follows_torch(const nlohmann::json& one, DType dtype, Device device, double tolerance) {
    Named model(shapes);
    const Parameters parameters(model, dtype, Random{1, 0}, device);
    set_values(parameters, training_fixture()["muon"]["start"]);
    const auto muon =
        make_muon(parameters, {one["momentum"], one["decay"], one["nesterov"],
                               one["adjust"] == "original" ? MuonScale::original : MuonScale::match_rms_adamw});
    for (const auto& step : training_fixture()["muon"]["gradients"]) {
        receive_named(parameters, step);
        muon->step(one["lr"]);
    }
    for (const auto& entry : parameters.entries()) {
        INFO(one["adjust"] << ", " << entry.name);
        REQUIRE(relative_error_of(entry.value.values(), one["values"][entry.name].get<std::vector<double>>()) <
                tolerance);
        if (one["momenta"].contains(entry.name))
            REQUIRE(relative_error_of(muon->state()[0].second.subrange(entry.offset, entry.shape).values(),
                                      one["momenta"][entry.name].get<std::vector<double>>()) < tolerance);
    }
}

}  // namespace

TEST_CASE("six steps of Muon, and of AdamW for the rest, give PyTorch's numbers") {
    REQUIRE(training_fixture()["muon"]["cases"].size() == 2);
    for (const auto& one : training_fixture()["muon"]["cases"])
        for (const Device device : {Device::cpu, Device::cuda}) {
            follows_torch(one, DType::float64, device, 1e-11);
            follows_torch(one, DType::float32, device, 1e-4);
        }
}

TEST_CASE("Muon takes weights of layers, but not the last one's, no table and no vector") {
    struct Model : Module {
        Embedding table{5, 4};
        Linear hidden{4, 3}, head{3, 2};
        Parameter vector, row, undecayed;
        Model() {
            declare("table", table);
            declare("vector", vector, {3}, Init::normal(1), Decay::yes);
            declare("row", row, {1, 3}, Init::normal(1), Decay::yes);
            declare("undecayed", undecayed, {3, 3}, Init::normal(1), Decay::no);
            declare("hidden", hidden);
            declare("head", head);
        }
    } model;
    const Parameters parameters(model, DType::float32, Random{1, 0});
    const std::vector<bool> matrices = hidden_matrices(parameters);
    for (size_t i = 0; i < matrices.size(); ++i) {
        INFO(parameters.entries()[i].name);
        REQUIRE(matrices[i] == (parameters.entries()[i].name == "hidden.weight"));
    }
}

TEST_CASE("a step of Muon has the size that AdamW's have, along a matrix that is nearly orthogonal") {
    Long model;
    const Parameters parameters(model, DType::float64, Random{3, 0});
    const Tensor before = parameters.entries()[0].value.clone();
    receive_random(parameters, 1);
    make_muon(parameters, {.weight_decay = 0})->step(1);
    const auto from = before.values(), to = parameters.entries()[0].value.values();
    double squares = 0;
    for (size_t i = 0; i < from.size(); ++i) squares += (to[i] - from[i]) * (to[i] - from[i]);
    const double rms = std::sqrt(squares / static_cast<double>(from.size()));
    REQUIRE(rms > 0.2 * 0.7);
    REQUIRE(rms < 0.2 * 1.2);
}

TEST_CASE("Muon by kernels takes the steps of the loops, in mixed precision too, with the same bits every time") {
    const int threads = thread_count();
    std::vector<Tensor> on_threads;
    for (const int count : {1, 2, 3}) {
        set_thread_count(count);
        Long model;
        const Parameters parameters(model, DType::float32, Random{3, 0});
        const auto muon = make_optimiser("muon", parameters);
        for (uint64_t step = 1; step <= 3; ++step) {
            receive_random(parameters, step);
            muon->step(0.01);
        }
        on_threads.push_back(parameters.values());
    }
    set_thread_count(threads);
    REQUIRE(same_bits(on_threads[0], on_threads[1]));
    REQUIRE(same_bits(on_threads[0], on_threads[2]));
    std::vector<Tensor> by_kernels;
    for (const auto& [dtype, order] : {std::pair(DType::float32, 0U), {DType::float32, 9U}, {DType::bfloat16, 0U}}) {
        const uint32_t before = cuda::permute_threads(order);
        Long model;
        const Parameters parameters(model, dtype, Random{3, 0}, Device::cuda);
        const auto muon = make_optimiser("muon", parameters);
        for (uint64_t step = 1; step <= 3; ++step) {
            receive_random(parameters, step);
            muon->step(0.01);
        }
        by_kernels.push_back(parameters.values().on_cpu());
        REQUIRE(largest_difference(by_kernels.back(), on_threads[0]) < 1e-5);
        REQUIRE(same_bits(model.a.value.on_cpu(), parameters.entries()[0].value.on_cpu().to(model.a.value.dtype())));
        cuda::permute_threads(before);
    }
    REQUIRE(same_bits(by_kernels[0], by_kernels[1]));
    REQUIRE(same_bits(by_kernels[0], by_kernels[2]));
    Long mixed;
    const Parameters parameters(mixed, DType::bfloat16, Random{3, 0});
    const auto muon = make_optimiser("muon", parameters);
    for (uint64_t step = 1; step <= 3; ++step) {
        receive_random(parameters, step);
        muon->step(0.01);
    }
    REQUIRE(same_bits(parameters.values(), on_threads[0]));
}

TEST_CASE("a halted step of Muon changes nothing, a clipped one has its gradient scaled, and options are named") {
    for (const bool halts : {true, false}) {
        Long model, other;
        const Parameters parameters(model, DType::float64, Random{3, 0}, Device::cuda);
        const Parameters scaled(other, DType::float64, Random{3, 0}, Device::cuda);
        const auto muon = make_optimiser("muon", parameters), of_scaled = make_optimiser("muon", scaled);
        receive_random(parameters, 1);
        const Tensor values = parameters.values().clone();
        cuda::StepControl control;
        control.current = 0;
        control.halted = halts ? 1 : 0;
        control.gradient_scale = 0.5;
        control.learning_rates[0] = 0.1;
        const DeviceStepControl on_device;
        on_device.write(control);
        muon->step_by(on_device.data());
        if (halts) {
            REQUIRE(same_bits(parameters.values(), values));
            for (const auto& [name, tensor] : muon->state())
                for (const double one : tensor.values()) REQUIRE(one == 0);
            continue;
        }
        std::vector<Tensor> halves;
        for (size_t i = 0; i < 3; ++i) halves.push_back(affine(gradient(parameters.entries()[i].leaf), 0.5, 0));
        receive(scaled, halves);
        of_scaled->step(0.1);
        REQUIRE(largest_difference(scaled.values(), parameters.values()) < 1e-12);
        REQUIRE(largest_difference(of_scaled->state()[0].second, muon->state()[0].second) < 1e-15);
    }
    Long model;
    const Parameters parameters(model, DType::float32, Random{3, 0});
    REQUIRE(error_of([&] { make_muon(parameters, {.momentum = 1}); }) == "[muon] momentum must be in [0, 1), got 1");
    REQUIRE(error_of([&] { make_muon(parameters, {.weight_decay = -1}); }) ==
            "[muon] weight_decay must not be negative, got -1");
    REQUIRE(error_of([&] { make_muon(parameters, {})->step(NAN); }) ==
            "[muon] learning rate must be finite and not negative, got nan");
}
