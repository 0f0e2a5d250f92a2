#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {
const Function pool = [](const std::vector<Tensor>& in) { return global_average_pool(in[0]); };
}

TEST_CASE("global_average_pool averages each channel of each image over its positions") {
    const Tensor x = Tensor::from({2, 1, 2, 2}, std::vector<double>{1, 10, 3, 30, 5, 50, 8, 80});
    REQUIRE(global_average_pool(x).shape() == Shape{2, 2});
    REQUIRE(global_average_pool(x).values() == std::vector<double>{2, 20, 6.5, 65});
}

TEST_CASE("global_average_pool is the mean one element at a time, and spreads its gradient evenly") {
    for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{3, 5, 7, 33}, Shape{2, 8, 8, 257}})
        DYNAMIC_SECTION(shape.text()) {
            const Tensor x = random_tensor(shape, Random{6, 1}),
                         cotangent = random_tensor({shape[0], shape[3]}, Random{6, 2});
            const int64_t positions = shape[1] * shape[2], C = shape[3];
            const Tensor y = Tensor::zeros({shape[0], C}, DType::float64), dx = Tensor::zeros(shape, DType::float64);
            for (int64_t i = 0; i < x.numel(); ++i) {
                const int64_t at = i / C / positions * C + i % C;
                y.data<double>()[at] += x.data<double>()[i] / static_cast<double>(positions);
                dx.data<double>()[i] = cotangent.data<double>()[at] / static_cast<double>(positions);
            }
            REQUIRE(largest_difference(global_average_pool(x), y) < 1e-14);
            REQUIRE(largest_difference(gradients_of(pool, {x}, cotangent)[0], dx) < 1e-15);
            REQUIRE(largest_difference(global_average_pool(x.to(DType::float32)), y) < 1e-6);
        }
}

TEST_CASE("global_average_pool gives the same bits on any number of threads") {
    const Tensor x = random_tensor({7, 9, 9, 33}, Random{6, 3}).to(DType::float32);
    const int before = thread_count();
    set_thread_count(1);
    const auto alone = global_average_pool(x).values();
    set_thread_count(3);
    const auto together = global_average_pool(x).values();
    set_thread_count(before);
    REQUIRE(alone == together);
}

TEST_CASE("global_average_pool says what shape it expects") {
    REQUIRE(error_of([] {
                global_average_pool(Tensor::zeros({2, 64, 96}));
            }) == "[global_average_pool] x must be [B, H, W, C], got [2, 64, 96]");
    REQUIRE(error_of([] {
                global_average_pool(Tensor::zeros({2, 0, 4, 96}));
            }) == "[global_average_pool] the mean of no positions is undefined, x is [2, 0, 4, 96]");
}

TEST_CASE("global_average_pool's kernels agree with its loops, on awkward sizes too") {
    for (const Shape& shape :
         {Shape{0, 2, 2, 3}, Shape{1, 1, 1, 1}, Shape{3, 5, 7, 33}, Shape{2, 8, 8, 257}, Shape{33, 1, 3, 5}}) {
        const std::vector<Tensor> inputs{random_tensor(shape, Random{6, 4})};
        INFO(shape.text());
        REQUIRE(largest_kernel_error(pool, inputs, DType::float64) < 1e-14);
        REQUIRE(largest_kernel_error(pool, inputs, DType::float32) < 1e-6);
        REQUIRE(largest_bfloat16_error(pool, inputs, {0}) < 0.005);
    }
}
