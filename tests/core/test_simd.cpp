#include "core/simd.h"

#include "core/dtype.h"
#include "core/random.h"
#include "core/scalar.h"
#include "tests/support/catch.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

using namespace swingrad;

namespace {

template <class T>
std::vector<T> random_numbers(int64_t count, uint64_t stream) {
    std::vector<T> numbers;
    for (int64_t i = 0; i < count; ++i)
        numbers.push_back(static_cast<T>(Random{1, stream}.normal(static_cast<uint64_t>(i))));
    return numbers;
}

// Counts around one and two vectors.
template <class T>
std::vector<int64_t> awkward_counts() {
    return {0, 1, lanes<T> - 1, lanes<T>, lanes<T> + 1, 2 * lanes<T> + 3};
}

}  // namespace

TEST_CASE("rows are rounded to bfloat16 as single numbers are, wherever in a vector they lie") {
    std::vector<float> numbers = random_numbers<float>(64, 0);
    const float special[] = {0.0f,
                             -0.0f,
                             1.0f + 1.0f / 256,
                             1.0f + 3.0f / 256,
                             3.4e38f,
                             -3.4e38f,
                             1.2e-38f,
                             std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity()};
    std::copy(std::begin(special), std::end(special), numbers.begin() + 3);
    for (const int64_t count : awkward_counts<float>()) {
        std::vector<bfloat16> rounded(64, bfloat16(-7.0f));
        narrow_row(count, numbers.data(), rounded.data());
        std::vector<float> widened(64, -7.0f);
        widen_row(count, rounded.data(), widened.data());
        for (int64_t i = 0; i < 64; ++i) {
            INFO("number " << i << " of " << count << ": " << numbers[i]);
            const bfloat16 expected(i < count ? numbers[i] : -7.0f);
            REQUIRE(rounded[i].bits == expected.bits);
            REQUIRE(std::bit_cast<uint32_t>(widened[i]) == static_cast<uint32_t>(expected.bits) << 16);
        }
    }
}

TEST_CASE("a NaN in a row stays one in bfloat16") {
    // Its upper half alone would be infinity.
    std::vector<float> numbers(lanes<float> + 1, std::bit_cast<float>(0x7f800001u));
    std::vector<bfloat16> rounded(numbers.size());
    narrow_row(static_cast<int64_t>(numbers.size()), numbers.data(), rounded.data());
    for (const bfloat16 number : rounded) REQUIRE(std::isnan(static_cast<float>(number)));
}

TEMPLATE_TEST_CASE("sums along a row take every number once, with those that fill no vector", "", float, double) {
    const std::vector<TestType> x = random_numbers<TestType>(64, 0), y = random_numbers<TestType>(64, 1);
    for (const int64_t count : awkward_counts<TestType>()) {
        double sum = 0, product = 0;
        for (int64_t i = 0; i < count; ++i) sum += x[i], product += static_cast<double>(x[i]) * y[i];
        const auto sums = sums_along_row<TestType, 2>(count, [&](auto& terms, int64_t c) {
            load_vector(terms[0], x.data() + c);
            load_vector(terms[1], y.data() + c);
            terms[1] *= terms[0];
        });
        REQUIRE(static_cast<double>(sums[0]) == Approx(sum).epsilon(1e-5));
        REQUIRE(static_cast<double>(sums[1]) == Approx(product).epsilon(1e-5));
    }
}

TEMPLATE_TEST_CASE("sums of many rows, and of their squares, are those of each", "", float, double) {
    constexpr int64_t W = lanes<TestType>, rows = 2 * W, columns = 3 * W, ld = columns + 1;
    const std::vector<TestType> matrix = random_numbers<TestType>(rows * ld, 0);
    std::vector<TestType> sums(rows), squares(rows);
    sum_rows(rows, columns, matrix.data(), ld, sums.data());
    sum_rows<true>(rows, columns, matrix.data(), ld, squares.data());
    for (int64_t r = 0; r < rows; ++r) {
        double sum = 0, square = 0;
        for (int64_t c = 0; c < columns; ++c) {
            const double number = matrix[r * ld + c];
            sum += number, square += number * number;
        }
        INFO("row " << r);
        REQUIRE(static_cast<double>(sums[r]) == Approx(sum).epsilon(1e-5).margin(1e-5));
        REQUIRE(static_cast<double>(squares[r]) == Approx(square).epsilon(1e-5));
    }
}

TEMPLATE_TEST_CASE("a square is turned over", "", float, double, uint32_t) {
    constexpr int64_t W = lanes<TestType>, from_row = W + 3, to_row = W + 5;
    std::vector<TestType> from(W * from_row), to(W * to_row);
    for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<TestType>(i);
    transpose_square(from.data(), from_row, to.data(), to_row);
    for (int64_t i = 0; i < W; ++i)
        for (int64_t j = 0; j < W; ++j) REQUIRE(to[j * to_row + i] == from[i * from_row + j]);
}

TEMPLATE_TEST_CASE("functions of a vector are those of its numbers", "", float, double) {
    constexpr int64_t W = lanes<TestType>;
    std::vector<TestType> x = random_numbers<TestType>(16 * W, 0), exponentials(x.size()), values(x.size()),
                          slopes(x.size());
    x[1] = 0, x[2] = -100, x[3] = 100, x[W] = -6, x[W + 1] = 6;
    along_row<TestType>(static_cast<int64_t>(x.size()), [&](auto& number, int64_t i) {
        std::remove_reference_t<decltype(number)> value, slope;
        load_vector(number, x.data() + i);
        Gelu::value_and_slope(number, value, slope);
        store_vector(fast_exp(number), exponentials.data() + i);
        store_vector(value, values.data() + i);
        store_vector(slope, slopes.data() + i);
    });
    for (size_t i = 0; i < x.size(); ++i) {
        INFO("x = " << x[i]);
        const TestType exponential = fast_exp(x[i]);
        REQUIRE((exponentials[i] == exponential || exponentials[i] == Approx(exponential).epsilon(1e-6)));
        REQUIRE(values[i] == Approx(Gelu::value(x[i])).margin(1e-7));
        REQUIRE(slopes[i] == Approx(Gelu::slope(x[i])).margin(1e-7));
    }
}
