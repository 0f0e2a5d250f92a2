// What every other test relies on to show reads before writes and writes beyond the end.

#include "core/tensor.h"
#include "tests/support/catch.h"
#include "tests/support/poisoned_memory.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("in tests a fresh tensor holds NaN, one that takes the place of another too") {
    if (!memory_is_poisoned()) return;
    for (int round = 0; round < 3; ++round) {
        const Tensor x = Tensor::empty({3, 33});
        for (const double value : x.values()) REQUIRE(std::isnan(value));
        for (const double value : Tensor::empty({3}, DType::int64).values()) REQUIRE(value == -1);
        x.fill_zero();
    }
}

TEST_CASE("in tests a write of one to three elements beyond a tensor is seen, on both sides") {
    if (!memory_is_poisoned()) return;
    const Tensor x = Tensor::empty({5}), y = Tensor::empty({5}, DType::uint8);
    x.fill_zero();
    REQUIRE(written_around(x.address(), x.bytes()).empty());
    for (const int by : {1, 2, 3}) {
        float* const beyond = x.data<float>() + 4 + by;
        const float before = *beyond;
        *beyond = 7;
        REQUIRE(written_around(x.address(), x.bytes()) ==
                fmt::format("wrote {} bytes after the end of a tensor of 20 bytes", 4 * (by - 1)));
        *beyond = before;
        float* const ahead = x.data<float>() - by;
        *ahead = 7;
        REQUIRE(written_around(x.address(), x.bytes()) ==
                fmt::format("wrote {} bytes before the start of a tensor of 20 bytes", 4 * by));
        *ahead = before;
    }
    y.data<uint8_t>()[5] ^= 1;
    REQUIRE(written_around(y.address(), y.bytes()) == "wrote 0 bytes after the end of a tensor of 5 bytes");
    y.data<uint8_t>()[5] ^= 1;
}
