#include "autograd/gradcheck.h"
#include "cuda/loss/count_correct.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <algorithm>
#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// What two calls have added to a counter that began at 5.
int64_t counted_twice(const Tensor& logits, const Tensor& labels) {
    const Tensor counter = Tensor::from({1}, std::vector<int64_t>{5}).on(Device::cuda);
    const Tensor there = logits.on(Device::cuda), labels_there = labels.on(Device::cuda);
    dispatch_any_float("test", logits.dtype(), [&]<class T>(T) {
        for (int call = 0; call < 2; ++call)
            cuda::count_correct(logits.shape()[0], logits.shape()[1], there.device_data<T>(),
                                labels_there.device_data<int64_t>(), counter.device_data<int64_t>());
    });
    return static_cast<int64_t>(counter.values()[0]) - 5;
}

}  // namespace

TEST_CASE("count_correct counts rows whose first largest logit is the label's") {
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
        for (const int64_t B : {1, 33, 257})
            for (const int64_t K : {1, 3, 33, 257}) {
                // Few different values, so that there are ties.
                Tensor logits = random_tensor({B, K}, Random{9, 1}, 2.0);
                for (double& z : logits.span<double>()) z = std::round(z);
                logits = logits.to(dtype);
                const auto values = logits.values();
                std::vector<int64_t> labels;
                int64_t correct = 0;
                for (int64_t b = 0; b < B; ++b) {
                    const auto row = values.begin() + b * K;
                    const int64_t first_largest = std::max_element(row, row + K) - row;
                    labels.push_back(b % 2 == 0 ? first_largest : (first_largest + b) % K);
                    correct += labels.back() == first_largest;
                }
                INFO(fmt::format("{} [{}, {}]", name_of(dtype), B, K));
                REQUIRE(counted_twice(logits, Tensor::from({B}, labels)) == 2 * correct);
            }
}

TEST_CASE("count_correct takes neither a label out of range nor a NaN for correct") {
    const Tensor logits = Tensor::from({4, 2}, std::vector<float>{1, 0, 0, 1, 2, NAN, NAN, 2});
    REQUIRE(counted_twice(logits, Tensor::from({4}, std::vector<int64_t>{-1, 2, 1, 0})) == 0);
    REQUIRE(counted_twice(Tensor::zeros({0, 2}), Tensor::zeros({0}, DType::int64)) == 0);
}
