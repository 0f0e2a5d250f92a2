#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <algorithm>
#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Function dropping(double rate, Random random) {
    return [=](const std::vector<Tensor>& in) { return dropout(in[0], rate, random); };
}

Tensor ones(const Shape& shape, DType dtype = DType::float64) {
    return Tensor::from(shape, std::vector<double>(static_cast<size_t>(shape.numel()), 1.0)).to(dtype);
}

}  // namespace

TEST_CASE("dropout of seed 7, stream 1 keeps the elements that Philox says") {
    // The words of indices 0, 1 and 2 over 2^32, from another program: .495 .172 .311 .225 | .887 .850 .768 .347 |
    // .290 .662 .542 .731
    const Tensor x = Tensor::from({2, 5}, std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    REQUIRE(dropout(x, 0.5, Random{7, 1}).values() == std::vector<double>{2, 4, 6, 8, 0, 0, 0, 16, 18, 0});
    REQUIRE(dropout(x, 0.75, Random{7, 1}).values() == std::vector<double>{0, 8, 0, 16, 0, 0, 0, 0, 0, 0});
    REQUIRE(gradients_of(dropping(0.5, {7, 1}), {ones({2, 5})}, x)[0].values() ==
            std::vector<double>{2, 4, 6, 8, 0, 0, 0, 16, 18, 0});
}

TEST_CASE("dropout draws each element from a word of its own, past one piece of work, in both dtypes") {
    const int64_t count = 3 * 4096 + 7;
    const Random random{7, 2};
    for (const DType dtype : {DType::float32, DType::float64}) {
        const auto y = dropout(ones({count}, dtype), 0.2, random).values();
        for (int64_t i = 0; i < count; ++i) {
            const uint32_t word = random.words(static_cast<uint64_t>(i / 4))[static_cast<size_t>(i % 4)];
            const double kept = word * 0x1p-32 < 0.8 ? 1 / 0.8 : 0;
            REQUIRE(y[static_cast<size_t>(i)] == (dtype == DType::float32 ? static_cast<float>(kept) : kept));
        }
    }
}

TEST_CASE("dropout keeps an element whose draw is half a step below the share kept") {
    const Random random{7, 2};
    const double q = (random.words(0)[0] + 0.5) * 0x1p-32;  // no rounding, nor in 1 - q
    REQUIRE(dropout(ones({1}), 1 - q, random).item() == 1 / q);
    REQUIRE(dropout(ones({1}), 1 - (q - 0x1p-32), random).item() == 0);
}

TEST_CASE("dropout leaves out a share of `rate`, at each of the four words, and keeps the mean") {
    const int64_t draws = 40000;
    for (const double rate : {0.1, 0.5, 0.9}) {
        const auto y = dropout(ones({draws, 4}), rate, Random{7, 3}).values();
        // Four standard deviations of a share of `draws` draws.
        const double q = 1 - rate, allowed = 4 * std::sqrt(rate * q / draws);
        for (size_t word = 0; word < 4; ++word) {
            double sum = 0;
            for (size_t i = word; i < y.size(); i += 4) sum += y[i];
            REQUIRE(std::abs(sum / draws - 1) * q < allowed);
        }
    }
}

TEST_CASE("dropout depends on seed and stream alone, and an element's draw not on how many follow") {
    const Tensor x = ones({64});
    const auto first = dropout(x, 0.5, Random{7, 5}).values();
    REQUIRE(dropout(x, 0.5, Random{7, 5}).values() == first);
    REQUIRE(dropout(x, 0.5, Random{7, 6}).values() != first);
    REQUIRE(dropout(x, 0.5, Random{8, 5}).values() != first);
    REQUIRE(dropout(ones({31}), 0.5, Random{7, 5}).values() == std::vector<double>(first.begin(), first.begin() + 31));
}

TEST_CASE("a checkpoint replays dropout exactly, and dropout saves nothing") {
    const auto block = [](const std::vector<Tensor>& in) {
        return dropout(multiply(dropout(in[0], 0.3, Random{7, 6}), in[1]), 0.5, Random{7, 7});
    };
    const auto replayed = [&](const std::vector<Tensor>& in) { return checkpoint(block, in); };
    const std::vector<Tensor> inputs{random_tensor({5, 13}, Random{7, 8}), random_tensor({5, 13}, Random{7, 9})};
    REQUIRE(largest_disagreement(replayed, block, inputs) == 0);
    Tensor x = inputs[0].detached();
    require_gradient(x);
    Tape tape;
    dropout(x, 0.5, Random{7, 6});
    REQUIRE(tape.size() == 1);
    REQUIRE(tape.entries()[0].saved.empty());
}

TEST_CASE("dropout gives the same bits on any number of threads") {
    const Tensor x = random_tensor({3, 4099}, Random{7, 10}).to(DType::float32);
    REQUIRE(same_on_any_threads(dropping(0.4, {7, 11}), {x}, x));
}

TEST_CASE("dropout of rate 0 is its input, and of no elements no elements") {
    const Tensor x = random_tensor({2, 3}, Random{7, 12});
    REQUIRE(dropout(x, 0, Random{}).address() == x.address());
    REQUIRE(dropout(Tensor::zeros({0, 3}), 0.5, Random{}).shape() == Shape{0, 3});
}

TEST_CASE("dropout by a Random in memory is dropout by that Random, forward and backward, on either device") {
    const Random random{~uint64_t{6}, ~uint64_t{0} - 4};  // beyond what int64 holds as a positive number
    const Tensor drawn =
        Tensor::from({2}, std::vector<int64_t>{static_cast<int64_t>(random.seed), static_cast<int64_t>(random.stream)});
    const Function by_memory = [&](const std::vector<Tensor>& in) {
        return dropout(in[0], 0.4, drawn.on(in[0].device()));
    };
    const Tensor x = random_tensor({3, 43}, Random{7, 16});
    REQUIRE(largest_disagreement(by_memory, dropping(0.4, random), {x}) == 0);
    REQUIRE(largest_kernel_error(by_memory, {x}, DType::float64) == 0);
    REQUIRE(largest_kernel_error(by_memory, {x}, DType::float32) == 0);
    REQUIRE(error_of([&] { dropout(x, 0.4, Tensor::zeros({3}, DType::int64)); }) ==
            "[dropout] random must be a seed and a stream, int64 [2], got int64 [3] on cpu");
    REQUIRE(error_of([&] { dropout(x, 0.4, drawn.on(Device::cuda)); }).find("all must be on one device") !=
            std::string::npos);
}

TEST_CASE("dropout says which rate is wrong") {
    const auto with = [](double rate) { return error_of([=] { dropout(Tensor::zeros({2}), rate, Random{}); }); };
    REQUIRE(with(1) == "[dropout] rate must be at least 0 and less than 1, got 1");
    REQUIRE(with(-0.1) == "[dropout] rate must be at least 0 and less than 1, got -0.1");
    REQUIRE(with(NAN) == "[dropout] rate must be at least 0 and less than 1, got nan");
}

TEST_CASE("the kernel of dropout leaves out the same elements as the loop, at any length and any address") {
    for (const double rate : {0.2, 0.9})
        for (const int64_t length : {0, 1, 33, 257, 4099}) {
            const Tensor x = random_tensor({length}, Random{7, 13});
            INFO(length << " elements");
            REQUIRE(largest_kernel_error(dropping(rate, {7, 14}), {x}, DType::float64) == 0);
            REQUIRE(largest_kernel_error(dropping(rate, {7, 14}), {x}, DType::float32) == 0);
            REQUIRE(largest_bfloat16_error(dropping(rate, {7, 14}), {x}, {0}) < 0x1p-8);
        }
    const Tensor x = random_tensor({5, 33}, Random{7, 15}), second = x.slice(1, 2);
    REQUIRE(same_bits(dropout(x.on(Device::cuda).slice(1, 2), 0.5, Random{7, 1}), dropout(second, 0.5, Random{7, 1})));
}
