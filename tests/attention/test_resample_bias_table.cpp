#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// Two heads of a window of 2 x 3, so of 3 x 5 offsets: i^2 / 10 and 7 i mod 11 in row i.
Tensor some_table() {
    const Tensor table = Tensor::empty({15, 2}, DType::float64);
    for (int64_t i = 0; i < 15; ++i) {
        table.data<double>()[2 * i] = static_cast<double>(i * i) / 10;
        table.data<double>()[2 * i + 1] = static_cast<double>(7 * i % 11);
    }
    return table;
}

}  // namespace

TEST_CASE("resample_bias_table gives what interpolate of each head's grid gives") {
    // torch.nn.functional.interpolate(mode='bicubic') in double.
    const Tensor larger = resample_bias_table(some_table(), {2, 3}, {3, 4});
    REQUIRE(larger.shape() == Shape{35, 2});
    const std::vector<std::vector<double>> expected{{0, -0.240314868805, -0.743020408163},
                                                    {1, -0.259090379009, 4.289049562682},
                                                    {3, -0.032, 2.808},
                                                    {17, 4.9, 5.0},
                                                    {20, 8.233819241983, 8.551020408163},
                                                    {34, 20.924093294461, 10.743020408163}};
    for (const auto& row : expected)
        for (size_t head = 0; head < 2; ++head)
            REQUIRE(larger.values()[static_cast<size_t>(row[0]) * 2 + head] == Approx(row[1 + head]).epsilon(1e-11));

    const std::vector<double> smaller{
        0.014814814814814727, 2.425925925925926, 0.4,  3.0, 1.4074074074074079, 7.648148148148146,
        2.774074074074073,    4.425925925925926, 4.9,  5.0, 7.648148148148151,  5.574074074074079,
        10.53333333333333,    2.35185185185185,  14.4, 7.0, 18.888888888888896, 7.574074074074081};
    REQUIRE(largest_difference(resample_bias_table(some_table(), {2, 3}, {2, 2}), Tensor::from({9, 2}, smaller)) <
            1e-13);
}

TEST_CASE("resample_bias_table keeps the bias of offset 0, in the middle, for windows twice and thrice as large") {
    const Tensor table = random_tensor({49, 3}, Random{12, 1});
    for (const int64_t side : {8, 12}) {
        const Tensor larger = resample_bias_table(table, {4, 4}, {side, side});
        const int64_t middle = ((2 * side - 1) * (2 * side - 1) - 1) / 2;
        REQUIRE(largest_difference(larger.slice(middle, middle + 1), table.slice(24, 25)) < 1e-14);
    }
    REQUIRE(same_bits(resample_bias_table(table, {4, 4}, {4, 4}), table));
}

TEST_CASE("resample_bias_table says what does not fit") {
    const Tensor table = Tensor::zeros({15, 2});
    REQUIRE(error_of([&] {
                resample_bias_table(table, {3, 3}, {4, 4});
            }) == "[resample_bias_table] table must be [25, h] for a window of 3 x 3, got [15, 2]");
    REQUIRE(error_of([&] {
                resample_bias_table(table, {2, 3}, {0, 4});
            }) == "[resample_bias_table] a window must be at least 1 x 1, got 0 x 4");
}

TEST_CASE("resample_bias_table on a device agrees with the CPU") {
    for (const Extent to : {Extent{2, 2}, Extent{7, 3}}) {
        const Function f = [&](const std::vector<Tensor>& in) { return resample_bias_table(in[0], {3, 4}, to); };
        const Tensor table = random_tensor({35, 5}, Random{12, 2});
        REQUIRE(largest_kernel_error(f, {table}, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(f, {table}, DType::float32) < 1e-5);
    }
}
