#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

std::vector<Tensor> inputs(int64_t B, int64_t rows, int64_t C) {
    return {random_tensor({B, rows, C}, Random{4, 1}), random_tensor({B, rows, C}, Random{4, 2}),
            random_tensor({C}, Random{4, 3}), random_tensor({C}, Random{4, 4})};
}

}  // namespace

TEST_CASE("residual_norm of (10, 20) and a branch (1, 3) kept with factor 2 is (10 - 2, 20 + 2 (1 + 1))") {
    const auto two = [](double a, double b) { return Tensor::from({2}, std::vector<double>{a, b}); };
    const std::vector<Tensor> in{two(10, 20).view({1, 2}), two(1, 3).view({1, 2}), two(1, 1), two(0, 1)};
    const Tensor keep = Tensor::from({1}, std::vector<double>{2});
    const Function f = [&](const std::vector<Tensor>& i) { return residual_norm(i[0], i[1], i[2], i[3], keep, 0); };
    const auto out = f(in).values();
    REQUIRE(out[0] == Approx(8));
    REQUIRE(out[1] == Approx(24));
    const auto d = gradients_of(f, in, two(2, 5).view({1, 2}));
    REQUIRE(d[0].values() == std::vector<double>{2, 5});
    for (const double dy : d[1].values())
        REQUIRE(std::abs(dy) < 1e-14);  // two numbers become -1 and 1 whatever they are
    REQUIRE(d[2].values()[0] == Approx(2 * 2 * -1));
    REQUIRE(d[2].values()[1] == Approx(2 * 5));
    REQUIRE(d[3].values() == std::vector<double>{2 * 2, 2 * 5});
}

TEST_CASE("residual_norm is add(x, drop_path(layer_norm(y))) in one pass") {
    for (const int64_t C : {1, 5, 33}) {
        const Tensor keep = drop_path_keep(7, 0.5, Random{4, 5}, DType::float64);
        REQUIRE(largest_disagreement(
                    [&](const std::vector<Tensor>& in) { return residual_norm(in[0], in[1], in[2], in[3], keep); },
                    [&](const std::vector<Tensor>& in) {
                        return add(in[0], drop_path(layer_norm(in[1], in[2], in[3]), keep));
                    },
                    inputs(7, 3, C)) < 1e-12);
        REQUIRE(largest_disagreement(
                    [&](const std::vector<Tensor>& in) { return residual_norm(in[0], in[1], in[2], in[3]); },
                    [&](const std::vector<Tensor>& in) { return add(in[0], layer_norm(in[1], in[2], in[3])); },
                    inputs(2, 3, C)) < 1e-12);
    }
}

TEST_CASE("a dropped sample passes residual_norm unchanged and its branch gets no gradient") {
    const Tensor keep = Tensor::from({2}, std::vector<double>{0, 2});
    const auto in = inputs(2, 3, 4);
    const Tensor y = residual_norm(in[0], in[1], in[2], in[3], keep);
    REQUIRE(largest_difference(y.slice(0, 1), in[0].slice(0, 1)) == 0);
    const auto gradients =
        gradients_of([&](const std::vector<Tensor>& i) { return residual_norm(i[0], i[1], i[2], i[3], keep); }, in,
                     random_tensor({2, 3, 4}, Random{4, 6}));
    REQUIRE(gradients[1].slice(0, 1).values() == std::vector<double>(12, 0.0));
    REQUIRE(gradients[1].slice(1, 2).values() != std::vector<double>(12, 0.0));
}

TEST_CASE("residual_norm takes a branch of the kept samples alone, and gives the same bits") {
    for (const double dropped : {0.0, 0.5, 1.0})
        for (const Device device : {Device::cpu, Device::cuda}) {
            INFO(dropped << " on " << name_of(device));
            const Tensor keep = Tensor::from({4}, std::vector<double>{dropped == 1 ? 0 : 2.0, 0, dropped > 0 ? 0 : 1.5,
                                                                      dropped == 1 ? 0 : 1.0})
                                    .on(device);
            const auto in = on(device, inputs(4, 3, 5));
            const Function whole = [&](const std::vector<Tensor>& i) {
                return residual_norm(i[0], i[1], i[2], i[3], keep);
            };
            const Function kept = [&](const std::vector<Tensor>& i) {
                return residual_norm(i[0], select_kept(i[1], keep), i[2], i[3], keep);
            };
            REQUIRE(same_bits(whole(in).on_cpu(), kept(in).on_cpu()));
            const Tensor cotangent = random_tensor({4, 3, 5}, Random{4, 9}).on(device);
            const auto expected = gradients_of(whole, in, cotangent), found = gradients_of(kept, in, cotangent);
            for (size_t i = 0; i < in.size(); ++i)
                REQUIRE(largest_difference(expected[i].on_cpu(), found[i].on_cpu()) < 1e-14);
        }
}

TEST_CASE("residual_norm's gradients have the same bits on any number of threads") {
    std::vector<Tensor> in;
    for (const Tensor& tensor : inputs(9, 257, 33)) in.push_back(tensor.to(DType::float32));
    const Tensor cotangent = random_tensor({9, 257, 33}, Random{4, 7}).to(DType::float32);
    const Function f = [](const std::vector<Tensor>& i) { return residual_norm(i[0], i[1], i[2], i[3]); };
    REQUIRE(same_on_any_threads(f, in, cotangent));
    const PlainLoops plain;
    REQUIRE(same_on_any_threads(f, in, cotangent));
}

TEST_CASE("residual_norm says which shape is wrong") {
    const Tensor x = Tensor::zeros({2, 3, 4}), four = Tensor::zeros({4});
    REQUIRE(error_of([&] {
                residual_norm(x, Tensor::zeros({2, 4}), four, four);
            }) == "[residual_norm] x and y must have one shape [B, ..., C], got [2, 3, 4] and [2, 4]");
    REQUIRE(error_of([&] { residual_norm(x, x, four, four, Tensor::zeros({3})); }) ==
            "[residual_norm] keep must be [2], got [3]");
    REQUIRE(error_of([&] { residual_norm(x, x.slice(0, 1), four, four); }) ==
            "[residual_norm] y must have all 2 samples of x or the 2 that are kept, got [1, 3, 4]");
    REQUIRE(error_of([&] { residual_norm(x, x.slice(0, 1), four, four, Tensor::zeros({2})); }) ==
            "[residual_norm] y must have all 2 samples of x or the 0 that are kept, got [1, 3, 4]");
}

TEST_CASE("residual_norm's fast path and kernels agree with its plain loops, with drop path and without") {
    const Function without = [](const std::vector<Tensor>& in) { return residual_norm(in[0], in[1], in[2], in[3]); };
    for (const auto& [B, rows] : {std::pair<int64_t, int64_t>{1, 1}, {3, 11}, {1, 257}})
        for (const int64_t C : {1, 33, 257}) {
            const Tensor keep = drop_path_keep(B, 0.5, Random{4, 8}, DType::float64);
            const Function with = [&](const std::vector<Tensor>& in) {
                return residual_norm(in[0], in[1], in[2], in[3], keep.to(acc_dtype(in[0].dtype())).on(in[0].device()));
            };
            const Function kept = [&](const std::vector<Tensor>& in) {
                const Tensor here = keep.to(acc_dtype(in[0].dtype())).on(in[0].device());
                return residual_norm(in[0], select_kept(in[1], here), in[2], in[3], here);
            };
            const auto in = inputs(B, rows, C);
            for (const Function& f : {without, with, kept}) {
                INFO(B << " samples of " << rows << " rows of " << C);
                REQUIRE(largest_fast_error(f, in, DType::float64) < 1e-12);
                REQUIRE(largest_fast_error(f, in, DType::float32) < (C == 1 ? 1e-3 : 1e-5));
                REQUIRE(largest_kernel_error(f, in, DType::float64) < 1e-12);
                // One number's variance is 0, and 1 / sqrt(eps) makes much of rounding.
                REQUIRE(largest_kernel_error(f, in, DType::float32) < (C == 1 ? 1e-3 : 1e-5));
                if (C > 1) REQUIRE(largest_bfloat16_error(f, in, {0, 1}) < 0.02);
            }
        }
    REQUIRE(same_in_any_order(without, inputs(2, 150, 33), random_tensor({2, 150, 33}, Random{4, 7})));
}

TEST_CASE("residual_norm refuses operands on two devices") {
    const Tensor x = Tensor::zeros({2, 3, 4}), four = Tensor::zeros({4});
    REQUIRE(
        error_of([&] { residual_norm(x, x, four, four, Tensor::zeros({2}).on(Device::cuda)); }) ==
        "[residual_norm] x is float32 [2, 3, 4] on cpu, but keep is float32 [2] on cuda: all must be on one device");
}
