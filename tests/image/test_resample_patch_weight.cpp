#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Tensor by_row = Tensor::from({1, 1, 2, 3}, std::vector<double>{1, 4, -2, 8, 3, 7});

void require_near(const Tensor& weight, const std::vector<double>& expected) {
    REQUIRE(largest_difference(weight, Tensor::from(weight.shape(), expected)) < 1e-13);
}

// B v for B that resizes p x q to `patch`, of every channel of a weight, and B^T v for the way back.
Tensor resized(const Tensor& weight, Extent patch) {
    const int64_t C = weight.shape()[0], I = weight.shape()[1];
    const Tensor images = reshape(weight, {C * I, weight.shape()[2], weight.shape()[3], 1});
    return reshape(resize(images, patch, Resize::bilinear), {C, I, patch.rows, patch.columns});
}
Tensor resized_transposed(const Tensor& weight, Extent from) {
    const Shape shape{weight.shape()[0], weight.shape()[1], from.rows, from.columns};
    const Extent patch{weight.shape()[2], weight.shape()[3]};
    return gradients_of([&](const std::vector<Tensor>& in) { return resized(in[0], patch); },
                        {Tensor::zeros(shape, DType::float64)}, weight)[0];
}

}  // namespace

TEST_CASE("resample_patch_weight gives what numpy's pinv gives of the matrix that resizes") {
    // numpy.linalg.pinv(B.T) @ w, B from torch.nn.functional.interpolate of unit images.
    require_near(resample_patch_weight(by_row, {3, 4}),
                 {-1.4938356164383593, 2.6502283105022837, 1.8831050228310517, -3.5394977168949753, 2.2178082191780804,
                  2.085844748858449, 1.647488584474887, 1.0488584474885843, 5.92945205479452, 1.521461187214613,
                  1.4118721461187225, 5.637214611872146});
    require_near(resample_patch_weight(by_row, {1, 2}), {12.848484848484844, 7.51515151515151});
    require_near(resample_patch_weight(by_row, {3, 2}), {0.767676767676767, -2.3434343434343425, 4.282828282828281,
                                                         2.505050505050501, 7.797979797979798, 7.3535353535353485});
}

TEST_CASE("a patch made larger is embedded by the resampled weight as it was by the weight") {
    for (const auto& [from, to] : std::vector<std::pair<Extent, Extent>>{
             {{1, 1}, {1, 2}}, {{2, 3}, {3, 3}}, {{4, 4}, {5, 9}}, {{4, 4}, {8, 8}}, {{7, 2}, {16, 31}}})
        DYNAMIC_SECTION(from.rows << " x " << from.columns << " to " << to.rows << " x " << to.columns) {
            const Tensor weight = random_tensor({5, 3, from.rows, from.columns}, Random{13, 1});
            const Tensor bias = random_tensor({5}, Random{13, 2});
            // One patch an image: where a whole image is resized, patches also see their neighbours' borders.
            const Tensor patches = random_tensor({6, from.rows, from.columns, 3}, Random{13, 3});
            const Tensor before = patch_embedding(patches, weight, bias);
            const Tensor after =
                patch_embedding(resize(patches, to, Resize::bilinear), resample_patch_weight(weight, to), bias);
            REQUIRE(largest_difference(before, after) < 1e-12);
        }
}

TEST_CASE("the weight of a smaller patch leaves an error that no other weight of its size makes smaller") {
    // |B^T w' - w|^2 is least where its gradient, 2 B (B^T w' - w), is 0.
    for (const auto& [from, to] : std::vector<std::pair<Extent, Extent>>{
             {{2, 3}, {1, 2}}, {{8, 8}, {4, 4}}, {{16, 5}, {3, 4}}, {{4, 4}, {2, 7}}})
        DYNAMIC_SECTION(from.rows << " x " << from.columns << " to " << to.rows << " x " << to.columns) {
            const Tensor weight = random_tensor({4, 2, from.rows, from.columns}, Random{13, 4});
            const Tensor error = subtract(resized_transposed(resample_patch_weight(weight, to), from), weight);
            REQUIRE(largest_difference(error, scale(error, 0)) > 0.1);
            REQUIRE(largest_difference(resized(error, to), scale(resized(error, to), 0)) < 1e-12);
        }
}

TEST_CASE("resample_patch_weight of one pixel shares it evenly, of its own size gives it back, works in float") {
    const Tensor pixel = Tensor::from({1, 1, 1, 1}, std::vector<double>{6});
    require_near(resample_patch_weight(pixel, {2, 3}), std::vector<double>(6, 1.0));
    REQUIRE(resample_patch_weight(by_row, {2, 3}).address() == by_row.address());
    const Tensor weight = random_tensor({8, 3, 4, 4}, Random{13, 5});
    REQUIRE(largest_float_error(
                [](const std::vector<Tensor>& in) {
                    return resample_patch_weight(in[0], {7, 2});
                },
                {weight}) < 1e-5);
}

TEST_CASE("resample_patch_weight says which size is wrong") {
    REQUIRE(error_of([] {
                resample_patch_weight(Tensor::zeros({8, 48}), {2, 2});
            }) == "[resample_patch_weight] weight must be [C, I, p, q], got [8, 48]");
    REQUIRE(error_of([] {
                resample_patch_weight(by_row, {0, 2});
            }) == "[resample_patch_weight] patch must be at least 1 x 1, got 0 x 2");
}

TEST_CASE("resample_patch_weight on a device agrees with the CPU") {
    for (const Extent to : {Extent{2, 2}, Extent{7, 3}}) {
        const Function f = [&](const std::vector<Tensor>& in) { return resample_patch_weight(in[0], to); };
        const Tensor weight = random_tensor({5, 3, 4, 4}, Random{13, 6});
        REQUIRE(largest_kernel_error(f, {weight}, DType::float64) < 1e-12);
        REQUIRE(largest_kernel_error(f, {weight}, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(f, {weight}, {0}) < 0.03);
    }
}
