// Optimisers, clipping and the schedule against the numbers of torch.optim (tests/fixtures/make_optimiser_fixture.py),
// and against plain loops where parameters are longer than one piece of parallel work.
#include "core/threads.h"
#include "tests/support/catch.h"
#include "tests/support/long_model.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "train/optim/clip.h"
#include "train/optim/optimiser.h"
#include "train/optim/schedule.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

const nlohmann::json& fixture() {
    static const auto content = nlohmann::json::parse(std::ifstream(fixtures() / "optimiser.json"));
    return content;
}

std::unique_ptr<Optimiser> optimiser_of(const nlohmann::json& one, const Parameters& parameters) {
    const double decay = one["decay"];
    if (one["optimiser"] == "adamw")
        return make_adamw(parameters,
                          {one.value("beta1", 0.9), one.value("beta2", 0.999), one.value("eps", 1e-8), decay});
    return make_sgd(parameters, {one["momentum"], one.value("dampening", 0.0), decay, one.value("nesterov", false)});
}

// The elements of a flat tensor without its gaps.
std::vector<double> packed(const Parameters& parameters, const Tensor& flat) {
    std::vector<double> all;
    for (const auto& entry : parameters.entries())
        for (const double value : flat.subrange(entry.offset, entry.shape).values()) all.push_back(value);
    return all;
}

// The largest |ours - theirs| / max(|theirs|, 0.1). Below 0.1, a value is what larger ones left of each other, and its
// error is theirs.
double error(const std::vector<double>& ours, const std::vector<double>& theirs) {
    if (ours.size() != theirs.size()) return std::numeric_limits<double>::infinity();
    double largest = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
        const double one = std::abs(ours[i] - theirs[i]) / std::max(std::abs(theirs[i]), 0.1);
        largest = one <= largest ? largest : one;  // a NaN becomes the largest
    }
    return largest;
}

void receive_step(const Parameters& parameters, const nlohmann::json& step) {
    std::vector<Tensor> gradients;
    for (const auto& entry : parameters.entries())
        if (step[entry.name].is_null()) gradients.emplace_back();
        else
            gradients.push_back(Tensor::from(entry.shape, step[entry.name].get<std::vector<double>>())
                                    .to(entry.leaf.dtype())
                                    .on(parameters.device()));
    receive(parameters, gradients);
}

void follows_torch(const nlohmann::json& one, DType dtype, double tolerance, Device device = Device::cpu) {
    ToyModel model;
    const Parameters parameters(model, dtype, Random{1, 0}, device);
    for (const auto& entry : parameters.entries()) {
        const auto start = fixture()["start"][entry.name].get<std::vector<double>>();
        entry.value.copy_from(Tensor::from(entry.shape, start).to(dtype).on(device));
    }
    const auto optimiser = optimiser_of(one, parameters);
    const Schedule schedule{fixture()["peak"], fixture()["warmup"], fixture()["steps"]};
    const auto& expected = one[std::string(name_of(dtype))];
    for (int64_t step = 0; step < schedule.total_steps; ++step) {
        INFO("step " << step);
        receive_step(parameters, fixture()["gradients"][static_cast<size_t>(step)]);
        if (one.contains("clip")) {
            const double norm = clip_gradients(parameters, one["clip"]);
            REQUIRE(error({norm}, {expected["norms"][static_cast<size_t>(step)]}) < tolerance);
        }
        optimiser->step(schedule.at(optimiser->steps()));
        if (const auto found = expected["values"].find(std::to_string(step)); found != expected["values"].end())
            REQUIRE(error(packed(parameters, parameters.values()), found->get<std::vector<double>>()) < tolerance);
    }
    REQUIRE(optimiser->steps() == schedule.total_steps);
    size_t compared = 0;
    for (const auto& [name, tensor] : optimiser->state()) {
        if (name == "step") continue;
        INFO(name);
        REQUIRE(error(packed(parameters, tensor), expected["state"][name].get<std::vector<double>>()) < tolerance);
        ++compared;
    }
    REQUIRE(compared == expected["state"].size());
}

}  // namespace

TEST_CASE("ten steps of each optimiser give PyTorch's numbers") {
    REQUIRE(fixture()["cases"].size() == 10);
    for (const auto& one : fixture()["cases"]) {
        DYNAMIC_SECTION(one["name"].get<std::string>() << " in float64") { follows_torch(one, DType::float64, 1e-12); }
        DYNAMIC_SECTION(one["name"].get<std::string>() << " in float32") { follows_torch(one, DType::float32, 1e-6); }
        DYNAMIC_SECTION(one["name"].get<std::string>() << " by kernels") {
            follows_torch(one, DType::float64, 1e-12, Device::cuda);
            follows_torch(one, DType::float32, 1e-6, Device::cuda);
        }
    }
}

TEST_CASE("the learning rate rises to its peak and falls to its minimum") {
    const Schedule schedule{0.8, 5, 25, 0.2};
    REQUIRE(schedule.at(0) == Approx(0.16).epsilon(1e-14));
    REQUIRE(schedule.at(1) == Approx(0.32).epsilon(1e-14));
    REQUIRE(schedule.at(4) == Approx(0.8).epsilon(1e-14));
    REQUIRE(schedule.at(5) == Approx(0.8).epsilon(1e-14));
    REQUIRE(schedule.at(15) == Approx(0.5).epsilon(1e-14));  // half way down
    REQUIRE(schedule.at(24) == Approx(0.2 + 0.3 * (1 + std::cos(M_PI * 19 / 20))).epsilon(1e-14));
    REQUIRE(schedule.at(25) == 0.2);
    REQUIRE(schedule.at(1000) == 0.2);
    REQUIRE(Schedule{1, 0, 10}.at(0) == 1);   // no warm-up
    REQUIRE(Schedule{1, 10, 10}.at(9) == 1);  // nothing but warm-up
    REQUIRE(Schedule{1, 10, 10}.at(10) == 0);
}

TEST_CASE("the schedule gives PyTorch's learning rates") {
    const auto rates = fixture()["rates"].get<std::vector<double>>();
    const Schedule schedule{fixture()["peak"], fixture()["warmup"], fixture()["steps"]};
    for (size_t step = 0; step < rates.size(); ++step)
        REQUIRE(schedule.at(static_cast<int64_t>(step)) == Approx(rates[step]).epsilon(1e-13));
}

TEST_CASE("an AdamW step over long parameters is the same as a plain loop, and skips what has no gradient") {
    Long model;
    const Parameters parameters(model, DType::float64, Random{3, 0});
    const AdamWOptions options{0.9, 0.99, 1e-8, 0.1};
    const auto optimiser = make_adamw(parameters, options);
    auto w = parameters.values().values();
    std::vector<double> m(w.size(), 0.0), v(w.size(), 0.0);
    for (uint64_t step = 1; step <= 3; ++step) {
        receive_random(parameters, step);
        optimiser->step(0.01);
        const auto g = parameters.gradients().values();
        for (size_t entry = 0; entry < 3; ++entry) {
            const auto& [name, shape, offset, decay, value, leaf, rate, is_table] = parameters.entries()[entry];
            for (auto i = static_cast<size_t>(offset); i < static_cast<size_t>(offset + shape.numel()); ++i) {
                if (decay == Decay::yes) w[i] -= 0.01 * 0.1 * w[i];
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
                const double m_hat = m[i] / (1 - std::pow(0.9, step)), v_hat = v[i] / (1 - std::pow(0.99, step));
                w[i] -= 0.01 * m_hat / (std::sqrt(v_hat) + 1e-8);
            }
        }
    }
    REQUIRE(error(parameters.values().values(), w) < 1e-12);  // gaps included: still zero
    const auto [name, updates] = optimiser->state()[2];
    REQUIRE(name == "step");
    for (size_t entry = 0; entry < 4; ++entry) REQUIRE(updates.data<int64_t>()[entry] == (entry < 3 ? 3 : 0));
}

TEST_CASE("the norm of gradients is that of the ones received, also where squares overflow float") {
    Long model;
    const Parameters parameters(model, DType::float32, Random{3, 0});
    REQUIRE(gradient_norm(parameters) == 0);
    receive_random(parameters, 1);
    double squares = 0;
    for (const double g : parameters.gradients().values()) squares += g * g;
    REQUIRE(gradient_norm(parameters) == Approx(std::sqrt(squares)).epsilon(1e-12));

    const Tensor b = Tensor::from({33}, std::vector<float>(33, 1e25f));
    receive(parameters, {{}, b, {}, {}});  // what the others received before is forgotten
    REQUIRE(gradient_norm(parameters) == Approx(std::sqrt(33) * 1e25).epsilon(1e-6));
}

TEST_CASE("clipping scales to the norm asked for, and leaves alone what is below it or not finite") {
    Long model;
    const Parameters parameters(model, DType::float64, Random{3, 0});
    receive_random(parameters, 1);
    const auto before = parameters.gradients().values();
    const double norm = gradient_norm(parameters);
    REQUIRE(clip_gradients(parameters, 2 * norm) == norm);
    REQUIRE(parameters.gradients().values() == before);
    REQUIRE(clip_gradients(parameters, 0.5) == norm);
    REQUIRE(gradient_norm(parameters) == Approx(0.5).epsilon(1e-7));

    gradient(model.b).data<double>()[3] = std::numeric_limits<double>::infinity();
    const auto mutated = parameters.gradients().values();
    REQUIRE(std::isinf(clip_gradients(parameters, 0.1)));
    REQUIRE(parameters.gradients().values() == mutated);
    REQUIRE(error_of([&] { clip_gradients(parameters, 0); }) == "[clip] max_norm must be above 0, got 0");
}

TEST_CASE("steps and norms have the same bits for any number of threads") {
    const int threads = thread_count();
    std::vector<std::vector<double>> results;
    for (const int count : {1, 2, 3}) {
        set_thread_count(count);
        Long model;
        const Parameters parameters(model, DType::float32, Random{3, 0});
        const auto adamw = make_adamw(parameters, {});
        const auto sgd = make_sgd(parameters, {.momentum = 0.9, .weight_decay = 0.1, .nesterov = true});
        std::vector<double> norms;
        for (uint64_t step = 0; step < 2; ++step) {
            receive_random(parameters, step);
            norms.push_back(clip_gradients(parameters, 1.0));
            adamw->step(0.1);
            sgd->step(0.1);
        }
        auto values = parameters.values().values();
        values.insert(values.end(), norms.begin(), norms.end());
        results.push_back(values);
    }
    set_thread_count(threads);
    REQUIRE(results[0] == results[1]);
    REQUIRE(results[0] == results[2]);
}

TEST_CASE("optimisers name the option that is out of range") {
    ToyModel model;
    const Parameters parameters(model, DType::float32, Random{1, 0});
    REQUIRE(error_of([&] { make_adamw(parameters, {.beta1 = 1}); }) == "[adamw] beta1 must be in [0, 1), got 1");
    REQUIRE(error_of([&] { make_adamw(parameters, {.beta2 = -0.5}); }) == "[adamw] beta2 must be in [0, 1), got -0.5");
    REQUIRE(error_of([&] { make_adamw(parameters, {.eps = -1}); }) == "[adamw] eps must not be negative, got -1");
    REQUIRE(error_of([&] { make_sgd(parameters, {.weight_decay = -1}); }) ==
            "[sgd] weight_decay must not be negative, got -1");
    REQUIRE(error_of([&] { make_sgd(parameters, {.momentum = 0.9, .dampening = 0.5, .nesterov = true}); }) ==
            "[sgd] nesterov needs momentum above 0 and dampening 0, got momentum 0.9 and dampening 0.5");
    const auto optimiser = make_adamw(parameters, {});
    REQUIRE(error_of([&] { optimiser->step(-0.5); }) ==
            "[adamw] learning rate must be finite and not negative, got -0.5");
    REQUIRE(error_of([&] { optimiser->step(NAN); }) ==
            "[adamw] learning rate must be finite and not negative, got nan");
    REQUIRE(optimiser->steps() == 0);
}
