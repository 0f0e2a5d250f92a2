#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("residual_add takes a branch of all samples or of the kept ones, and none is computed for nothing") {
    const Tensor x = random_tensor({5, 3, 2}, Random{3, 1});
    const Tensor keep = Tensor::from({5}, std::vector<double>{0, 2, 0, 0, 2});
    REQUIRE(branch_samples(x, keep).shape() == Shape{2, 3, 2});
    const Function kept = [&](const std::vector<Tensor>& in) {
        return residual_add(in[0], gelu(branch_samples(in[0], keep)), keep);
    };
    const Function whole = [&](const std::vector<Tensor>& in) { return add(in[0], drop_path(gelu(in[0]), keep)); };
    const Function all = [&](const std::vector<Tensor>& in) { return residual_add(in[0], gelu(in[0]), keep); };
    REQUIRE(largest_disagreement(kept, whole, {x}) == 0);
    REQUIRE(largest_disagreement(all, whole, {x}) == 0);
}

TEST_CASE("branch_samples gives all samples on a device and where there is no drop path") {
    const Tensor x = counting({3, 2}), keep = Tensor::from({3}, std::vector<double>{0, 2, 0});
    REQUIRE(branch_samples(x, {}).address() == x.address());
    const Tensor there = x.on(Device::cuda);
    REQUIRE(branch_samples(there, keep.on(Device::cuda)).address() == there.address());
    REQUIRE(residual_add(x, x, {}).values() == std::vector<double>{0, 2, 4, 6, 8, 10});
}

TEST_CASE("residual_add says which shape is wrong") {
    const Tensor x = Tensor::zeros({3, 2});
    REQUIRE(error_of([&] { residual_add(x, x, Tensor::zeros({2})); }) == "[residual_add] keep must be [3], got [2]");
    REQUIRE(error_of([&] {
                residual_add(x, x, Tensor::zeros({2, 2}));
            }) == "[residual_add] keep must be [3], got [2, 2]");
}
