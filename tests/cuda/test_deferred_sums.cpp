// Sums of groups that wait for the end of a backward pass: cuda/toolkit/sums.h.

#include "autograd/accumulate.h"
#include "cuda/runtime/kernel_counts.h"
#include "cuda/runtime/runtime.h"
#include "cuda/toolkit/sums.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

constexpr int64_t rows = 700, C = 37;

Tensor filled_on_device(const Shape& shape, double value) { return filled(shape, value, DType::float32, Device::cuda); }
void sum_columns(const Tensor& x, const Tensor& to) {
    cuda::column_sums(rows, C, x.device_data<float>(), to.device_data<float>());
}

}  // namespace

TEST_CASE("kernels' sums that are put off come with the same bits, at the end and in one launch") {
    const Tensor x = random_tensor({rows, C}, Random{5}).to(DType::float32).on(Device::cuda);
    const Tensor at_once = filled_on_device({C}, 0);
    sum_columns(x, at_once);

    constexpr int64_t count = 100;  // more than one launch takes
    const Tensor gradients = filled_on_device({count, C}, 7), elsewhere = filled_on_device({C}, 7);
    const cuda::CountDevice counting;
    cuda::DeferredSums sums(gradients.address(), gradients.bytes());
    for (int64_t i = 0; i < count; ++i) sum_columns(x, gradients.slice(i, i + 1));
    sum_columns(x, elsewhere);
    const int64_t before = counting.counts().launches();
    REQUIRE(gradients.on_cpu().values() == std::vector<double>(count * C, 7));
    REQUIRE(elsewhere.on_cpu().values() == at_once.on_cpu().values());  // no gradient of a parameter
    sums.finish();
    REQUIRE(counting.counts().launches() == before + 2);
    for (int64_t i = 0; i < count; ++i)
        REQUIRE(gradients.slice(i, i + 1).on_cpu().values() == at_once.on_cpu().values());
    sums.finish();  // nothing is left
    REQUIRE(counting.counts().launches() == before + 2);
}

TEST_CASE("a kernel's sum that was put off is there before something is added to it") {
    const Tensor x = random_tensor({rows, C}, Random{5}).to(DType::float32).on(Device::cuda);
    const Tensor gradient = filled_on_device({C}, 7), one = filled_on_device({C}, 1),
                 expected = filled_on_device({C}, 0);
    sum_columns(x, expected);
    add_into(expected, one);
    cuda::DeferredSums sums(gradient.address(), gradient.bytes());
    sum_columns(x, gradient);
    add_into(gradient, one);
    sums.finish();
    REQUIRE(gradient.on_cpu().values() == expected.on_cpu().values());
}

TEST_CASE("kernels' sums that were put off are dropped where a pass does not end") {
    const Tensor x = random_tensor({rows, C}, Random{5}).to(DType::float32).on(Device::cuda);
    const Tensor gradient = filled_on_device({C}, 7);
    {
        const cuda::DeferredSums sums(gradient.address(), gradient.bytes());
        sum_columns(x, gradient);
    }
    cuda::settle_deferred_sums(gradient.address());
    REQUIRE(gradient.on_cpu().values() == std::vector<double>(C, 7));
    sum_columns(x, gradient);  // and from now on at once
    REQUIRE(gradient.on_cpu().values() != std::vector<double>(C, 7));
}
