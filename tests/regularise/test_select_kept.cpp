#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

Tensor keep_of(const std::vector<double>& factors) {
    return Tensor::from({static_cast<int64_t>(factors.size())}, factors);
}

}  // namespace

TEST_CASE("select_kept takes the samples that keep keeps, in order, and restore_dropped gives each its place") {
    const Tensor x = Tensor::from({4, 2}, std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8});
    const Tensor keep = keep_of({0, 2, 0, 1});
    const Tensor kept = select_kept(x, keep);
    REQUIRE(kept.shape() == Shape{2, 2});
    REQUIRE(kept.values() == std::vector<double>{3, 4, 7, 8});
    const Tensor back = restore_dropped(kept, keep);
    REQUIRE(back.shape() == Shape{4, 2});
    REQUIRE(back.values() == std::vector<double>{0, 0, 3, 4, 0, 0, 7, 8});
}

TEST_CASE("each of select_kept and restore_dropped takes its gradient back by the other") {
    const Tensor keep = keep_of({0, 2, 1});
    const Function select = [&](const std::vector<Tensor>& in) { return select_kept(in[0], keep); };
    const Function restore = [&](const std::vector<Tensor>& in) { return restore_dropped(in[0], keep); };
    const Tensor two = counting({2, 2}), three = counting({3, 2});
    REQUIRE(gradients_of(select, {three}, two)[0].values() == std::vector<double>{0, 0, 0, 1, 2, 3});
    REQUIRE(gradients_of(restore, {two}, three)[0].values() == std::vector<double>{2, 3, 4, 5});
}

TEST_CASE("a branch over the kept samples is drop_path of the branch, for any shape, type and device") {
    for (const Shape& shape : {Shape{1}, Shape{33, 1}, Shape{7, 3, 2, 5}, Shape{257, 3}, Shape{0, 3}, Shape{3, 0}})
        for (const double rate : {0.0, 0.5, 0.999})
            for (const DType dtype : {DType::float64, DType::float32, DType::bfloat16})
                for (const Device device : {Device::cpu, Device::cuda}) {
                    INFO(shape.text() << " " << rate << " " << name_of(dtype) << " on " << name_of(device));
                    const Tensor keep = drop_path_keep(shape[0], rate, Random{7, 2}, acc_dtype(dtype), device);
                    const Function kept = [&](const std::vector<Tensor>& in) {
                        return drop_path(restore_dropped(gelu(select_kept(in[0], keep)), keep), keep);
                    };
                    const Function whole = [&](const std::vector<Tensor>& in) { return drop_path(gelu(in[0]), keep); };
                    const Tensor x = random_tensor(shape, Random{7, 9}).to(dtype).on(device),
                                 cotangent = random_tensor(shape, Random{7, 10}).to(dtype).on(device);
                    // As numbers: a dropped sample's 0 is drop_path's negative number times 0, and so -0.
                    REQUIRE(largest_difference(kept({x}).on_cpu(), whole({x}).on_cpu()) == 0);
                    REQUIRE(largest_difference(gradients_of(kept, {x}, cotangent)[0].on_cpu(),
                                               gradients_of(whole, {x}, cotangent)[0].on_cpu()) == 0);
                }
}

TEST_CASE("select_kept and restore_dropped copy nothing where nothing is dropped") {
    const Tensor x = counting({2, 3}), keep = keep_of({1, 2});
    REQUIRE(select_kept(x, keep).address() == x.address());
    REQUIRE(restore_dropped(x, keep).address() == x.address());
}

TEST_CASE("select_kept and restore_dropped say which shape is wrong, and that keep is a constant") {
    const Tensor x = Tensor::zeros({3, 2}), keep = Tensor::from({3}, std::vector<float>{0, 1, 1});
    REQUIRE(error_of([&] { select_kept(x, Tensor::zeros({2})); }) == "[select_kept] keep must be [3], got [2]");
    REQUIRE(error_of([&] { select_kept(Tensor::zeros({}), keep); }) == "[select_kept] x must be [B, ...], got []");
    REQUIRE(error_of([&] { restore_dropped(x, keep); }) ==
            "[restore_dropped] y must have the 2 samples of 3 that are kept, got [3, 2]");
    REQUIRE(error_of([&] { restore_dropped(x, x); }) == "[restore_dropped] keep must be [B], got [3, 2]");
    REQUIRE(error_of([&] { restore_dropped(Tensor::zeros({}), keep); }) ==
            "[restore_dropped] y must be [K, ...], got []");
    REQUIRE(error_of([&] { select_kept(x, keep.on(Device::cuda)); }) ==
            "[select_kept] x is float32 [3, 2] on cpu, but keep is float32 [3] on cuda: all must be on one device");
    Tensor learnt = Tensor::zeros({3});
    require_gradient(learnt);
    Tape tape;
    REQUIRE(error_of([&] { select_kept(x, learnt); }) ==
            "[select_kept: keep] has no gradient; take its inputs detached() or use NoGrad");
}
