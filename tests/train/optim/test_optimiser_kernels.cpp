// Optimisers, norms and clipping by kernels against the loops, and what the kernels of a training step tell each other.
#include "cuda/runtime/runtime.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/long_model.h"
#include "tests/support/support.h"
#include "train/optim/clip.h"
#include "train/optim/flat_table.h"
#include "train/optim/optimiser.h"

#include <algorithm>
#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// The largest |a - b| / |b| over all elements of two flat tensors.
double relative_error(const Tensor& a, const Tensor& b) {
    const auto ours = a.values(), theirs = b.values();
    double largest = 0;
    for (size_t i = 0; i < ours.size(); ++i)
        if (ours[i] != theirs[i]) largest = std::max(largest, std::abs(ours[i] - theirs[i]) / std::abs(theirs[i]));
    return largest;
}

}  // namespace

TEST_CASE("kernels take the steps of the loops over long parameters, both in mixed precision too") {
    for (const std::string name : {"adamw", "sgd", "plain sgd"}) {
        INFO(name);
        Long here, mixed_here, there, mixed;
        const Parameters on_cpu(here, DType::float32, Random{3, 0});
        const Parameters mixed_on_cpu(mixed_here, DType::bfloat16, Random{3, 0});
        const Parameters on_device(there, DType::float32, Random{3, 0}, Device::cuda);
        const Parameters in_both(mixed, DType::bfloat16, Random{3, 0}, Device::cuda);
        const auto a = make_optimiser(name, on_cpu), b = make_optimiser(name, on_device),
                   c = make_optimiser(name, in_both), d = make_optimiser(name, mixed_on_cpu);
        for (uint64_t step = 1; step <= 3; ++step) {
            for (const Parameters* parameters : {&on_cpu, &on_device, &in_both, &mixed_on_cpu})
                receive_random(*parameters, step);
            for (Optimiser* optimiser : {a.get(), b.get(), c.get(), d.get()}) optimiser->step(0.01);
        }
        REQUIRE(relative_error(on_device.values(), on_cpu.values()) < 1e-4);  // where little is left of a difference
        REQUIRE(largest_difference(on_device.values(), on_cpu.values()) < 1e-6);
        REQUIRE(same_bits(in_both.values(), on_device.values()));
        REQUIRE(same_bits(mixed_on_cpu.values(), on_cpu.values()));
        REQUIRE(same_bits(mixed_here.a.value, mixed_on_cpu.entries()[0].value.to(DType::bfloat16)));
        REQUIRE(same_bits(mixed.a.value, in_both.entries()[0].value.to(DType::bfloat16)));
        REQUIRE(b->steps() == 3);
        for (size_t i = 0; i < a->state().size(); ++i)
            if (a->state()[i].first == "step") REQUIRE(same_bits(a->state()[i].second, b->state()[i].second));
    }
}

// The kernels have a thread a parameter in blocks of 128, and may have 256.
TEST_CASE("kernels take the step of every parameter where there are more of them than threads in a block") {
    for (const std::string name : {"adamw", "sgd"})
        for (const size_t count : {1, 127, 128, 129, 256, 257, 513}) {
            INFO(name << ", " << count << " parameters");
            Many here(count), there(count);
            const Parameters on_cpu(here, DType::float32, Random{3, 0});
            const Parameters on_device(there, DType::float32, Random{3, 0}, Device::cuda);
            const auto a = make_optimiser(name, on_cpu), b = make_optimiser(name, on_device);
            for (uint64_t step = 1; step <= 2; ++step) {
                for (const Parameters* parameters : {&on_cpu, &on_device}) {
                    std::vector<Tensor> gradients;
                    for (const auto& entry : parameters->entries())
                        gradients.push_back(random_tensor(entry.shape, Random{2, step}.split(gradients.size()))
                                                .to(DType::float32)
                                                .on(parameters->device()));
                    receive(*parameters, gradients);
                }
                a->step(0.01);
                b->step(0.01);
                REQUIRE(gradient_norm(on_device) == Approx(gradient_norm(on_cpu)).epsilon(1e-12));
            }
            REQUIRE(largest_difference(on_device.values(), on_cpu.values()) < 1e-6);
            for (size_t i = 0; i < a->state().size(); ++i)
                REQUIRE(largest_difference(b->state()[i].second, a->state()[i].second) < 1e-5);
        }
}

TEST_CASE("kernels find the norm of the loops and clip to it, in any order of threads") {
    Long here, mixed_here, there, mixed;
    const Parameters on_cpu(here, DType::float32, Random{3, 0});
    const Parameters mixed_on_cpu(mixed_here, DType::bfloat16, Random{3, 0});
    const Parameters on_device(there, DType::float32, Random{3, 0}, Device::cuda);
    const Parameters in_both(mixed, DType::bfloat16, Random{3, 0}, Device::cuda);
    REQUIRE(gradient_norm(on_device) == 0);
    for (const Parameters* parameters : {&on_cpu, &mixed_on_cpu, &on_device, &in_both}) receive_random(*parameters, 1);
    const double norm = gradient_norm(on_cpu);
    REQUIRE(gradient_norm(mixed_on_cpu) == Approx(norm).epsilon(1e-14));
    REQUIRE(gradient_norm(on_device) == Approx(norm).epsilon(1e-12));
    const uint32_t before = cuda::permute_threads(5);
    REQUIRE(gradient_norm(in_both) == gradient_norm(on_device));
    cuda::permute_threads(before);
    REQUIRE(clip_gradients(on_device, 0.5) == Approx(norm).epsilon(1e-12));
    REQUIRE(gradient_norm(on_device) == Approx(0.5).epsilon(1e-6));
    for (const Parameters* parameters : {&mixed_on_cpu, &in_both}) {
        clip_gradients(*parameters, 0.5);
        REQUIRE(gradient_norm(*parameters) == Approx(0.5).epsilon(1e-2));
    }
}

TEST_CASE("a step's record halts the device where loss or gradient is not finite, and a halted step changes nothing") {
    const auto scalar = [](double value) {
        return Tensor::from(Shape{1}, std::vector<double>{value}).on(Device::cuda);
    };
    const DeviceStepControl control;
    const auto closed = [&](double loss, double norm) {
        cuda::close_step(scalar(loss).device_data<double>(), scalar(norm).device_data<double>(), 2.0, control.data());
        return control.read();
    };
    cuda::StepControl start;
    start.learning_rates[0] = start.learning_rates[1] = 0.1;
    start.correct = 2;
    control.write(start);
    cuda::StepControl seen = closed(0.5, 8);
    REQUIRE(seen.current == 0);
    REQUIRE(seen.halted == 0);
    REQUIRE(seen.gradient_scale == Approx(0.25).epsilon(1e-6));
    REQUIRE(seen.records[0].loss == 0.5);
    REQUIRE(seen.records[0].gradient_norm == 8);
    REQUIRE(seen.records[0].correct == 2);
    REQUIRE(seen.correct == 0);
    for (const auto& [loss, norm] : {std::pair{NAN, 1.0}, {1.0, INFINITY}}) {
        control.write(start);
        seen = closed(loss, norm);
        REQUIRE(seen.halted == 1);
        REQUIRE(closed(0.5, 0.5).halted == 1);  // until the host has looked
    }
    for (const std::string name : {"adamw", "sgd"}) {
        Long model;
        const Parameters parameters(model, DType::float32, Random{3, 0}, Device::cuda);
        const auto optimiser = make_optimiser(name, parameters);
        receive_random(parameters, 1);
        const Tensor values = parameters.values().clone();
        optimiser->step_by(control.data());
        REQUIRE(same_bits(parameters.values(), values));
        for (const auto& [state, tensor] : optimiser->state())
            for (const double one : tensor.values()) REQUIRE(one == 0);
    }
}

TEST_CASE("what drop path keeps is drawn at once as it is drawn branch by branch") {
    const Tensor rates = Tensor::from({3}, std::vector<double>{0, 0.3, 0.9}).on(Device::cuda);
    const Tensor keeps = Tensor::empty({3, 300}, DType::float32, Device::cuda);
    cuda::draw_keeps(3, 300, rates.device_data<double>(), Random{4, 2}, keeps.device_data<float>());
    for (int64_t r = 0; r < 3; ++r)
        REQUIRE(same_bits(keeps.slice(r, r + 1).view({300}),
                          drop_path_keep(300, rates.values()[static_cast<size_t>(r)],
                                         Random{4, 2}.split(static_cast<uint64_t>(r)), DType::float32)));
}
