#include "core/threads.h"
#include "ops/ops.h"
#include "tests/conv/pattern.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <optional>

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Function by_batch = [](const std::vector<Tensor>& in) { return batch_norm(in[0], in[1], in[2], {}, {}, true); };
// By running statistics in[3] and in[4], which are constants.
const Function by_running = [](const std::vector<Tensor>& in) {
    return batch_norm(in[0], in[1], in[2], in[3].detached(), in[4].detached(), false);
};

std::vector<Tensor> some_inputs(int64_t rows, int64_t C, double offset = 0) {
    return {random_tensor({rows, C}, Random{1, 1}, 1, offset), random_tensor({C}, Random{1, 2}),
            random_tensor({C}, Random{1, 3})};
}
// The same function by running statistics that fit any dtype and device.
Function with_some_running(int64_t C) {
    return [=](const std::vector<Tensor>& in) {
        const Tensor mean = random_tensor({C}, Random{1, 4}).to(in[1].dtype()).on(in[1].device());
        const Tensor var = random_tensor({C}, Random{1, 5}, 0.1, 2).to(in[1].dtype()).on(in[1].device());
        return batch_norm(in[0], in[1], in[2], mean, var, false);
    };
}

void require_close(const Tensor& got, const std::vector<double>& right) {
    REQUIRE(got.numel() == static_cast<int64_t>(right.size()));
    for (size_t i = 0; i < right.size(); ++i) REQUIRE(got.values()[i] == Approx(right[i]).margin(1e-14));
}

}  // namespace

TEST_CASE("batch_norm of 1 and 3 is -1 and 1, and running statistics go towards theirs") {
    const Device device = GENERATE(Device::cpu, Device::cuda);
    std::optional<PlainLoops> plain;
    if (GENERATE(false, true)) plain.emplace();
    const auto tensor = [&](const Shape& shape, const std::vector<double>& values) {
        return Tensor::from(shape, values).on(device);
    };
    const Tensor x = tensor({2, 1}, {1, 3}), one = tensor({1}, {1}), zero = tensor({1}, {0});
    const Tensor running_mean = tensor({1}, {10}), running_var = tensor({1}, {4});
    require_close(batch_norm(x, one, zero, running_mean, running_var, true, 0.25, 0), {-1, 1});
    require_close(running_mean, {10 + 0.25 * (2 - 10)});
    require_close(running_var, {4 + 0.25 * (2 - 4)});  // 1 + 1 over 2 - 1
    require_close(batch_norm(x, one, zero, running_mean, running_var, false, 0.25, 0.5), {(1 - 8.) / 2, (3 - 8.) / 2});
    require_close(running_mean, {8});
    require_close(running_var, {3.5});
    const auto d = gradients_of([](const auto& in) { return batch_norm(in[0], in[1], in[2], {}, {}, true, 0.1, 0); },
                                {x, one, zero}, Tensor::from({2, 1}, std::vector<double>{2, 5}));
    require_close(d[0], {0, 0});  // two numbers become -1 and 1 whatever they are
    require_close(d[1], {3});
    require_close(d[2], {7});
}

TEST_CASE("batch_norm agrees with PyTorch, in training and after it") {
    // torch.nn.functional.batch_norm(x, running_mean, running_var, weight, bias, training, momentum=0.3, eps=0.5)
    // with x = pattern [4, 3], dy = pattern [4, 3], in float64
    const Tensor weight = Tensor::from({3}, std::vector<double>{1, 2, -1}),
                 bias = Tensor::from({3}, std::vector<double>{0.5, -0.5, 0});
    const std::vector<Tensor> inputs{pattern({4, 3}, 7, 3, 11), weight, bias};
    const Tensor dy = pattern({4, 3}, 3, 1, 5);
    Tensor mean, var;
    const auto f = [&](bool training) -> Function {
        return [&, training](const std::vector<Tensor>& in) {
            mean = Tensor::from({3}, std::vector<double>{1, 2, 3}),
            var = Tensor::from({3}, std::vector<double>{4, 1, 0.25});
            return batch_norm(in[0], in[1], in[2], mean, var, training, 0.3, 0.5);
        };
    };
    std::optional<PlainLoops> plain;
    if (GENERATE(false, true)) plain.emplace();
    require_close(f(true)(inputs), {1.6338934190276815, 1.7677868380553634, -1.1338934190276815, 0.8779644730092271,
                                    0.2559289460184546, -0.3779644730092272, 0.12203552699077269, -1.2559289460184542,
                                    0.3779644730092272, -0.6338934190276817, -2.767786838055363, 1.1338934190276815});
    require_close(mean, {-0.35, 2.45, 1.95});
    require_close(var, {3.3, 1.2, 0.675});
    const auto d = gradients_of(f(true), inputs, dy);
    require_close(d[0], {0.053994924715603694, 0.647939096587247, -0.5939441718716426, -1.2418832684588894,
                         0.2159796988624156, 0.43195939772483105, 1.2418832684588894, -0.2159796988624156,
                         1.4578629673213048, -0.053994924715603694, -0.647939096587247, -1.2958781931744934});
    require_close(d[1], {-3.779644730092272, 3.779644730092272, -1.889822365046136});
    require_close(d[2], {0, 2, -1});

    require_close(f(false)(inputs), {-0.9142135623730951, 4.398979485566357, 2.309401076758504, -1.385618083164127,
                                     2.7659863237109046, 3.4641016151377553, -1.8570226039551587, 1.1329931618554523,
                                     4.618802153517007, -2.3284271247461903, -0.5, 5.773502691896258});
    require_close(mean, {1, 2, 3});
    require_close(var, {4, 1, 0.25});
    const auto d_running = gradients_of(f(false), inputs, dy);
    require_close(d_running[0], {-0.47140452079103173, 3.2659863237109046, 0, -0.9428090415820635, 1.6329931618554523,
                                 1.1547005383792517, 0.9428090415820635, 0, 2.3094010767585034, 0.47140452079103173,
                                 -1.6329931618554523, -2.3094010767585034});
    require_close(d_running[1], {-2.3570226039551585, 6.531972647421809, 1.1547005383792517});
    require_close(d_running[2], {0, 2, -1});
}

TEST_CASE(
    "batch_norm gives channels of mean 0 and variance 1, also far from 0, where the first row is far from the rest") {
    const int64_t rows = 5000, C = 19;
    const Tensor x = random_tensor({rows, C}, Random{1, 6}, 1, 1000).to(DType::float32);
    for (int64_t c = 0; c < C; ++c) x.data<float>()[c] = 900;
    const Tensor one = Tensor::from({C}, std::vector<float>(C, 1.0f)), zero = Tensor::zeros({C});
    for (const Device device : {Device::cpu, Device::cuda}) {
        const auto in = on(device, {x, one, zero});
        const auto y = by_batch(in).values();
        for (size_t c = 0; c < static_cast<size_t>(C); ++c) {
            double sum = 0, squares = 0;
            for (size_t row = 0; row < static_cast<size_t>(rows); ++row)
                sum += y[row * C + c], squares += y[row * C + c] * y[row * C + c];
            REQUIRE(std::abs(sum / rows) < 1e-4);
            REQUIRE(squares / rows == Approx(1).epsilon(1e-4));
        }
    }
}

TEST_CASE("batch_norm in float agrees with double on many rows") {
    REQUIRE(largest_float_error(by_batch, some_inputs(3000, 21, 5)) < 5e-4);  // of sums of 3000 terms
    REQUIRE(largest_float_error(with_some_running(21), some_inputs(3000, 21, 5)) < 5e-4);
}

TEST_CASE("batch_norm's fast path and kernels agree with its plain loops, on awkward sizes too") {
    for (const int64_t rows : {2, 33, 257, 1700})
        for (const int64_t C : {1, 16, 33, 257}) {
            if (rows * C > 60000) continue;
            const auto inputs = some_inputs(rows, C);
            INFO(rows << " rows of " << C);
            for (const Function& f : {by_batch, with_some_running(C)}) {
                REQUIRE(largest_fast_error(f, inputs, DType::float64) < 1e-12);
                REQUIRE(largest_kernel_error(f, inputs, DType::float64) < 1e-12);
                // Sums of 1700 terms. And two rows may have nearly no variance, and 1 / sqrt(eps) makes much of
                // rounding.
                REQUIRE(largest_fast_error(f, inputs, DType::float32) < (rows == 2 ? 2e-3 : 5e-5));
                REQUIRE(largest_kernel_error(f, inputs, DType::float32) < (rows == 2 ? 2e-3 : 5e-5));
                if (rows > 2) REQUIRE(largest_bfloat16_error(f, inputs, {0}) < 0.02);
            }
        }
    const auto inputs = some_inputs(300, 48);
    REQUIRE(same_in_any_order(by_batch, inputs, random_tensor({300, 48}, Random{1, 7})));
}

TEST_CASE("batch_norm keeps the same running statistics by plain loops, fast path and kernels") {
    const auto in = some_inputs(1700, 35, 3);
    const auto running = [&](Device device) {
        const auto there = on(device, {in[0], in[1], in[2], in[1], in[2]});
        const Tensor mean = there[3].clone(), var = there[4].clone();
        batch_norm(there[0], there[1], there[2], mean, var, true);
        return std::vector<Tensor>{mean.on_cpu(), var.on_cpu()};
    };
    const auto fast = running(Device::cpu), kernels = running(Device::cuda);
    const PlainLoops plain;
    const auto loops = running(Device::cpu);
    for (size_t i = 0; i < 2; ++i) {
        REQUIRE(largest_difference(loops[i], fast[i]) < 1e-14);
        REQUIRE(largest_difference(loops[i], kernels[i]) < 1e-14);
        REQUIRE(largest_difference(loops[i], in[1 + i]) > 0.01);
    }
}

TEST_CASE("batch_norm gives the same bits on any number of threads") {
    std::vector<Tensor> narrow;
    for (const Tensor& input : some_inputs(5000, 35)) narrow.push_back(input.to(DType::float32));
    const Tensor dy = random_tensor({5000, 35}, Random{1, 8}).to(DType::float32);
    REQUIRE(same_on_any_threads(by_batch, narrow, dy));
}

TEST_CASE("batch_norm of no rows, or no channels, is empty") {
    for (const Device device : {Device::cpu, Device::cuda}) {
        const auto zeros = [&](const Shape& shape) { return Tensor::zeros(shape, DType::float64, device); };
        const std::vector<Tensor> rows{zeros({0, 3}), zeros({3}), zeros({3})};
        REQUIRE(with_some_running(3)(rows).shape() == Shape{0, 3});
        const auto d = gradients_of(with_some_running(3), rows, Tensor::zeros({0, 3}, DType::float64));
        REQUIRE(d[0].shape() == Shape{0, 3});
        REQUIRE(d[1].values() == std::vector<double>(3, 0.0));
        REQUIRE(by_batch({zeros({2, 0}), zeros({0}), zeros({0})}).shape() == Shape{2, 0});
    }
}

TEST_CASE("batch_norm says what does not fit") {
    const Tensor x = Tensor::zeros({2, 5, 4}), right = Tensor::zeros({4}), wrong = Tensor::zeros({5}), none;
    const auto error = [&](const Tensor& weight, const Tensor& bias, const Tensor& mean, const Tensor& var) {
        return error_of([&] { batch_norm(x, weight, bias, mean, var, true); });
    };
    REQUIRE(error(wrong, right, none, none) == "[batch_norm] weight must be [4], got [5]");
    REQUIRE(error(right, wrong, none, none) == "[batch_norm] bias must be [4], got [5]");
    REQUIRE(error(right, right, wrong, right) == "[batch_norm] running_mean must be [4], got [5]");
    REQUIRE(error(right, right, right, wrong) == "[batch_norm] running_var must be [4], got [5]");
    const std::string together =
        "[batch_norm] running_mean and running_var go together, and only training can do without";
    REQUIRE(error(right, right, right, none) == together);
    REQUIRE(error_of([&] { batch_norm(x, right, right, none, none, false); }) == together);
    REQUIRE(error_of([&] {
                batch_norm(Tensor::zeros({1, 4}), right, right, none, none, true);
            }) == "[batch_norm] training needs more than one row for a variance, x is [1, 4]");
    REQUIRE(error(right, right, right.on(Device::cuda), right) ==
            "[batch_norm] x is float32 [2, 5, 4] on cpu, but running_mean is float32 [4] on cuda: all must be on one "
            "device");
}
