#include "core/io/print.h"

#include "core/factories.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <limits>
#include <sstream>

using namespace swingrad;
using namespace swingrad::test;

namespace {

std::string text_of(const Shape& shape, const std::vector<double>& values) {
    return to_string(Tensor::from(shape, values));
}

}  // namespace

TEST_CASE("a tensor is printed in brackets, its numbers of one width") {
    REQUIRE(text_of({2, 2}, {1.5, -1.0 / 3, 2, 10}) ==
            "[[ 1.5000, -0.3333],\n"
            " [ 2.0000, 10.0000]] (float64 [2, 2])");
    REQUIRE(text_of({}, {1.5}) == "1.5 (float64 [])");
    REQUIRE(text_of({3}, {1, -20, 3}) == "[  1., -20.,   3.] (float64 [3])");
    REQUIRE(text_of({2, 1, 2}, {1, 2, 3, 4}) ==
            "[[[1., 2.]],\n"
            "\n"
            " [[3., 4.]]] (float64 [2, 1, 2])");
    REQUIRE(text_of({0, 3}, {}) == "[] (float64 [0, 3])");
    REQUIRE(text_of({2, 0}, {}) == "[[],\n []] (float64 [2, 0])");
}

TEST_CASE("numbers are printed with as many decimals as they need, at most four, or with an exponent") {
    REQUIRE(text_of({2}, {0.25, 1}) == "[0.25, 1.00] (float64 [2])");
    REQUIRE(text_of({2}, {0.0005, 1}) == "[0.0005, 1.0000] (float64 [2])");
    REQUIRE(text_of({2}, {0.00052, 1}) == "[5.200e-04, 1.000e+00] (float64 [2])");
    REQUIRE(text_of({2}, {0.0015, 1234.56789}) == "[   0.0015, 1234.5679] (float64 [2])");
    REQUIRE(text_of({2}, {99'999'999, 0}) == "[99999999.,        0.] (float64 [2])");
    REQUIRE(text_of({2}, {1e8, -1}) == "[ 1.000e+08, -1.000e+00] (float64 [2])");
    REQUIRE(text_of({2}, {-0.99996, 0}) == "[-1.0000,  0.0000] (float64 [2])");
    REQUIRE(text_of({1}, {12'345'678.25}) == "[12345678.25] (float64 [1])");
    const double infinity = std::numeric_limits<double>::infinity();
    REQUIRE(text_of({4}, {infinity, -infinity, std::nan(""), 0.5}) == "[ inf, -inf,  nan,  0.5] (float64 [4])");
    REQUIRE(text_of({1}, {infinity}) == "[inf] (float64 [1])");
}

TEST_CASE("tensors of all types are printed, and those of devices and undefined ones") {
    REQUIRE(to_string(arange(3)) == "[0, 1, 2] (int64 [3])");
    REQUIRE(to_string(Tensor::from({1}, std::vector<int64_t>{(int64_t{1} << 53) + 1})) ==
            "[9007199254740993] (int64 [1])");
    REQUIRE(to_string(full({2}, -7, DType::int32)) == "[-7, -7] (int32 [2])");
    REQUIRE(to_string(full({2}, 255, DType::uint8)) == "[255, 255] (uint8 [2])");
    REQUIRE(to_string(full({1}, 0.1)) == "[0.1] (float32 [1])");
    REQUIRE(to_string(full({1}, 0.1, DType::bfloat16)) == "[0.1001] (bfloat16 [1])");
    REQUIRE(to_string(full({1}, 0.0005)) == "[0.0005] (float32 [1])");
    REQUIRE(to_string(full({2}, 3, DType::float32, Device::cuda)) == "[3., 3.] (float32 [2] on cuda)");
    REQUIRE(to_string(Tensor()) == "undefined");
    std::ostringstream stream;
    stream << arange(2) << Tensor();
    REQUIRE(stream.str() == "[0, 1] (int64 [2])undefined");
}

TEST_CASE("more than a thousand elements are summarised, along the axes that are long") {
    REQUIRE(to_string(arange(1001)) == "[   0,    1,    2, ...,  998,  999, 1000] (int64 [1001])");
    REQUIRE(to_string(arange(1400).view({2, 700})) ==
            "[[   0,    1,    2, ...,  697,  698,  699],\n"
            " [ 700,  701,  702, ..., 1397, 1398, 1399]] (int64 [2, 700])");
    REQUIRE(to_string(arange(1400).view({700, 2})) ==
            "[[   0,    1],\n"
            " [   2,    3],\n"
            " [   4,    5],\n"
            " ...,\n"
            " [1394, 1395],\n"
            " [1396, 1397],\n"
            " [1398, 1399]] (int64 [700, 2])");
    // What is not shown does not count: neither for the width nor for the decimals.
    Tensor x = zeros({2000}, DType::float64);
    x.data<double>()[1000] = 1e-9;
    REQUIRE(to_string(x) == "[0., 0., 0., ..., 0., 0., 0.] (float64 [2000])");
}

TEST_CASE("rows longer than a line are broken, none longer than 80") {
    const std::string text = to_string(arange(1000).view({2, 500}));
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    REQUIRE(line == "[[  0,   1,   2,   3,   4,   5,   6,   7,   8,   9,  10,  11,  12,  13,  14,");
    std::getline(lines, line);
    REQUIRE(line == "   15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  26,  27,  28,  29,");
    while (std::getline(lines, line)) REQUIRE((line.size() <= 80 || contains(line, "int64")));
    REQUIRE(occurrences(text, ",") == 999 + 1);  // one more in the shape
}
