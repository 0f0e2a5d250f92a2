#include "core/factories.h"

#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <algorithm>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("zeros, ones and full hold one number everywhere, of any type, on any device") {
    for (const Device device : {Device::cpu, Device::cuda})
        for (const DType dtype :
             {DType::float32, DType::float64, DType::bfloat16, DType::int64, DType::int32, DType::uint8}) {
            INFO(name_of(dtype) << " on " << name_of(device));
            for (const auto& [tensor, value] :
                 {std::pair(zeros({2, 3}, dtype, device), 0.0), std::pair(ones({2, 3}, dtype, device), 1.0),
                  std::pair(full({2, 3}, 5, dtype, device), 5.0)}) {
                REQUIRE(tensor.shape() == Shape{2, 3});
                REQUIRE(tensor.dtype() == dtype);
                REQUIRE(tensor.device() == device);
                REQUIRE(tensor.values() == std::vector<double>(6, value));
            }
        }
    REQUIRE(ones({}).item() == 1);
    REQUIRE(ones({0, 3}).numel() == 0);
    REQUIRE(full({1}, -0.1).item() == double{-0.1f});
    REQUIRE(full({1}, -0.1, DType::float64).item() == -0.1);
}

TEST_CASE("full refuses what an integer does not hold") {
    REQUIRE(error_of([] { full({2}, 256, DType::uint8); }) == "[tensor] 256 does not fit into uint8");
}

TEST_CASE("randn and rand give element i draw i, rounded once, the same on every device") {
    const Random random{3, 5};
    const Tensor normal = randn({3, 50, 400}, random, DType::float64), uniform = rand({3, 50, 400}, random);
    for (const int64_t i : {0, 1, 17, 20'000, 59'999}) {
        REQUIRE(normal.data<double>()[i] == random.normal(static_cast<uint64_t>(i)));
        REQUIRE(uniform.data<float>()[i] == random.uniform(static_cast<uint64_t>(i)));
    }
    REQUIRE(same_bits(randn({60'000}, random), normal.to(DType::float32).view({60'000})));
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16}) {
        REQUIRE(same_bits(randn({7, 9}, random, dtype), randn({7, 9}, random, dtype, Device::cuda)));
        REQUIRE(same_bits(rand({7, 9}, random, dtype), rand({7, 9}, random, dtype, Device::cuda)));
    }
    const auto values = uniform.values();
    REQUIRE(*std::min_element(values.begin(), values.end()) >= 0);
    REQUIRE(*std::max_element(values.begin(), values.end()) < 1);
    REQUIRE_FALSE(same_bits(randn({8}, random), randn({8}, random.split(1))));
}

TEST_CASE("arange counts from 0 in any type") {
    REQUIRE(arange(4).dtype() == DType::int64);
    REQUIRE(arange(4).values() == std::vector<double>{0, 1, 2, 3});
    REQUIRE(same_bits(arange(3, DType::float32, Device::cuda), Tensor::from({3}, std::vector<float>{0, 1, 2})));
    REQUIRE(arange(0).shape() == Shape{0});
    REQUIRE(error_of([] { arange(-1); }) == "[arange] expects a count of 0 or more, got -1");
}
