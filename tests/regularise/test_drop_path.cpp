#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <algorithm>
#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("drop_path scales each sample by its keep, forward and backward") {
    const Tensor x = Tensor::from({3, 2}, std::vector<double>{1, 2, 3, 4, 5, 6});
    const Tensor keep = Tensor::from({3}, std::vector<double>{2, 0, 1});
    REQUIRE(drop_path(x, keep).values() == std::vector<double>{2, 4, 0, 0, 5, 6});
    const Function f = [&](const std::vector<Tensor>& in) { return drop_path(in[0], keep); };
    const Tensor cotangent = Tensor::from({3, 2}, std::vector<double>{10, 20, 30, 40, 50, 60});
    REQUIRE(gradients_of(f, {x}, cotangent)[0].values() == std::vector<double>{20, 40, 0, 0, 50, 60});
}

TEST_CASE("drop_path is the broadcast product for any shape and both dtypes") {
    for (const Shape& shape : {Shape{1}, Shape{33, 1}, Shape{3, 2, 5, 7}})
        for (const DType dtype : {DType::float32, DType::float64})
            DYNAMIC_SECTION(shape.text() << " " << name_of(dtype)) {
                const Tensor x = random_tensor(shape, Random{7, 1}).to(dtype);
                const Tensor keep = drop_path_keep(shape[0], 0.5, Random{7, 2}, dtype);
                const auto y = drop_path(x, keep).values(), all = x.values(), factors = keep.values();
                for (size_t i = 0; i < y.size(); ++i)
                    REQUIRE(y[i] == all[i] * factors[i / (y.size() / factors.size())]);
            }
}

TEST_CASE("drop_path_keep is 0 or 1/q, with shares 1 - q and q, so that its mean is 1") {
    const int64_t draws = 20000;
    for (const double rate : {0.1, 0.5, 0.9}) {
        const auto keep = drop_path_keep(draws, rate, Random{7, 3}, DType::float64).values();
        const double q = 1 - rate;
        REQUIRE(std::all_of(keep.begin(), keep.end(), [&](double value) { return value == 0 || value == 1 / q; }));
        const double kept = static_cast<double>(draws - std::count(keep.begin(), keep.end(), 0.0)) / draws;
        // Four standard deviations of a share of `draws` draws.
        REQUIRE(std::abs(kept - q) < 4 * std::sqrt(rate * q / draws));
    }
}

TEST_CASE("drop_path_keep of rate 0 is all ones") {
    REQUIRE(drop_path_keep(257, 0, Random{7, 4}, DType::float32).values() == std::vector<double>(257, 1.0));
}

TEST_CASE("drop_path_keep depends on seed and stream alone, and a sample's draw not on the batch size") {
    const auto draw = [](int64_t batch, Random random) {
        return drop_path_keep(batch, 0.5, random, DType::float32).values();
    };
    const auto first = draw(64, Random{7, 5});
    REQUIRE(draw(64, Random{7, 5}) == first);
    REQUIRE(draw(64, Random{7, 6}) != first);
    REQUIRE(draw(64, Random{8, 5}) != first);
    REQUIRE(draw(33, Random{7, 5}) == std::vector<double>(first.begin(), first.begin() + 33));
}

TEST_CASE("drop_path says which rate or shape is wrong, and that keep is a constant") {
    const auto keep = [](double rate) { return error_of([=] { drop_path_keep(4, rate, Random{}, DType::float32); }); };
    REQUIRE(keep(1) == "[drop_path] rate must be at least 0 and less than 1, got 1");
    REQUIRE(keep(-0.1) == "[drop_path] rate must be at least 0 and less than 1, got -0.1");
    REQUIRE(keep(NAN) == "[drop_path] rate must be at least 0 and less than 1, got nan");
    REQUIRE(error_of([] {
                drop_path(Tensor::zeros({4, 2}), Tensor::zeros({2}));
            }) == "[drop_path] keep must be [4], got [2]");
    REQUIRE(error_of([] { drop_path(Tensor::zeros({}), Tensor::zeros({1})); }) ==
            "[drop_path] x must be [B, ...], got []");
    Tensor learnt = Tensor::zeros({4});
    require_gradient(learnt);
    Tape tape;
    REQUIRE(error_of([&] {
                drop_path(Tensor::zeros({4, 2}), learnt);
            }) == "[drop_path: keep] has no gradient; take its inputs detached() or use NoGrad");
}

TEST_CASE("drop_path_keep draws the same bits on a device as on the CPU") {
    for (const DType dtype : {DType::float32, DType::float64})
        for (const int64_t batch : {0, 1, 33, 257, 1000})
            for (const double rate : {0.0, 0.1, 0.7}) {
                const Tensor keep = drop_path_keep(batch, rate, Random{7, 8}, dtype, Device::cuda);
                REQUIRE(keep.device() == Device::cuda);
                REQUIRE(same_bits(keep, drop_path_keep(batch, rate, Random{7, 8}, dtype)));
            }
}

TEST_CASE("the kernel of drop_path agrees with its loop for any shape") {
    for (const Shape& shape : {Shape{1}, Shape{33, 1}, Shape{3, 2, 5, 7}, Shape{2, 3000}, Shape{0, 3}, Shape{3, 0}}) {
        const Function f = [&](const std::vector<Tensor>& in) {
            const DType dtype = acc_dtype(in[0].dtype());
            return drop_path(in[0], drop_path_keep(shape[0], 0.5, Random{7, 2}, dtype, in[0].device()));
        };
        const Tensor x = random_tensor(shape, Random{7, 9});
        INFO(shape.text());
        REQUIRE(largest_kernel_error(f, {x}, DType::float64) == 0);
        REQUIRE(largest_kernel_error(f, {x}, DType::float32) == 0);
        REQUIRE(largest_bfloat16_error(f, {x}, {0}) < 0x1p-8);
    }
    const Tensor x = Tensor::zeros({2, 4}), there = Tensor::zeros({2}, DType::float32, Device::cuda);
    REQUIRE(error_of([&] { drop_path(x, there); }) ==
            "[drop_path] x is float32 [2, 4] on cpu, but keep is float32 [2] on cuda: all must be on one device");
}
