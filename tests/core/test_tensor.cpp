#include "core/tensor.h"

#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("slices, views and windows share memory, a clone does not") {
    const Tensor x = counting({4, 3});
    const Tensor rows = x.slice(1, 3), view = x.view({2, 6}), window = x.subrange(5, {2, 2}), copy = x.clone();
    REQUIRE(rows.values() == std::vector<double>{3, 4, 5, 6, 7, 8});
    REQUIRE(window.values() == std::vector<double>{5, 6, 7, 8});
    REQUIRE(x.sharers() == 4);
    x.data<double>()[5] = -1;
    REQUIRE(rows.data<double>()[2] == -1);
    REQUIRE(view.data<double>()[5] == -1);
    REQUIRE(window.data<double>()[0] == -1);
    REQUIRE(copy.data<double>()[5] == 5);
    REQUIRE(copy.sharers() == 1);
    REQUIRE(rows.slice(1, 2).subrange(1, {1}).item() == 7);
}

TEST_CASE("memory outlives the tensor that made it, as long as a slice is left") {
    Tensor row;
    {
        const Tensor x = counting({100, 3});
        row = x.slice(99, 100);
    }
    const Tensor other = Tensor::zeros({100, 3}, DType::float64);
    REQUIRE(row.values() == std::vector<double>{297, 298, 299});
}

TEST_CASE("tensors of no elements can be made, cut, copied and converted") {
    const Tensor none = Tensor::zeros({0, 3});
    REQUIRE(none.defined());
    REQUIRE(none.values().empty());
    REQUIRE(none.slice(0, 0).shape() == Shape{0, 3});
    REQUIRE(none.clone().to(DType::float64).numel() == 0);
    REQUIRE(Tensor::from({0}, std::vector<float>{}).numel() == 0);
}

TEST_CASE("conversion to bfloat16 rounds to nearest, ties to even") {
    // Between 1 and 2 neighbours are 2^-7 apart.
    const float step = 0x1p-7f;
    const auto narrow = [](float value) {
        return Tensor::from({1}, std::vector<float>{value}).to(DType::bfloat16).item();
    };
    REQUIRE(narrow(1 + 0.49f * step) == 1);
    REQUIRE(narrow(1 + 0.51f * step) == 1 + step);
    REQUIRE(narrow(1 + 0.5f * step) == 1);             // a tie: 1 is even
    REQUIRE(narrow(1 + 1.5f * step) == 1 + 2 * step);  // a tie: 1 + step is odd
    REQUIRE(narrow(-1 - 1.5f * step) == -1 - 2 * step);
    REQUIRE(narrow(std::nextafter(1 + 0.5f * step, 2.0f)) == 1 + step);
    REQUIRE(narrow(std::numeric_limits<float>::max()) == std::numeric_limits<double>::infinity());
    REQUIRE(narrow(-INFINITY) == -INFINITY);
    REQUIRE(std::signbit(narrow(-0.0f)));
    REQUIRE(narrow(0x1p-133f) == 0x1p-133);  // the smallest there is
}

TEST_CASE("a NaN stays a NaN in bfloat16, whatever its bits") {
    for (const uint32_t bits : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffffffffu}) {
        const auto value = std::bit_cast<float>(bits);
        REQUIRE(std::isnan(static_cast<float>(bfloat16(value))));
    }
}

TEST_CASE("conversion truncates to integers and refuses what does not fit") {
    const Tensor x = Tensor::from({4}, std::vector<double>{-1.9, 1.9, 2147483647.9, -2147483648.9});
    REQUIRE(x.to(DType::int32).values() == std::vector<double>{-1, 1, 2147483647, -2147483648.0});
    const auto error = [](double value, DType dtype) {
        return error_of([&] { Tensor::from({1}, std::vector<double>{value}).to(dtype); });
    };
    REQUIRE(error(2147483648.0, DType::int32) == "[tensor] 2147483648 does not fit into int32");
    REQUIRE(error(-2147483649.0, DType::int32) == "[tensor] -2147483649 does not fit into int32");
    REQUIRE(error(0x1p63, DType::int64) == "[tensor] 9.223372036854776e+18 does not fit into int64");
    REQUIRE(error(-0x1p63, DType::int64) == "no error");
    REQUIRE(error(NAN, DType::uint8) == "[tensor] nan does not fit into uint8");
    REQUIRE(error(-0.9, DType::uint8) == "no error");
    REQUIRE(error(-1, DType::uint8) == "[tensor] -1 does not fit into uint8");
    REQUIRE(error(256, DType::uint8) == "[tensor] 256 does not fit into uint8");
    const Tensor big = Tensor::from({1}, std::vector<int64_t>{300});
    REQUIRE(error_of([&] { big.to(DType::uint8); }) == "[tensor] 300 does not fit into uint8");
    REQUIRE(big.to(DType::float32).item() == 300);
}

TEST_CASE("conversion to the same dtype is a copy") {
    const Tensor x = counting({3}), y = x.to(DType::float64);
    REQUIRE(x.sharers() == 1);
    REQUIRE(y.values() == x.values());
}

TEST_CASE("copy_from copies elements and refuses another kind of tensor") {
    const Tensor x = counting({4, 2}), y = Tensor::zeros({2, 2}, DType::float64);
    y.copy_from(x.slice(2, 4));
    REQUIRE(y.values() == std::vector<double>{4, 5, 6, 7});
    x.copy_from(x);
    x.slice(0, 2).copy_from(x.slice(2, 4));
    REQUIRE(x.values() == std::vector<double>{4, 5, 6, 7, 4, 5, 6, 7});
    REQUIRE(error_of([&] { y.copy_from(x); }) ==
            "[copy_from] expects float64 [2, 2] on cpu, got float64 [4, 2] on cpu");
    REQUIRE(error_of([&] {
                y.copy_from(Tensor::zeros({2, 2}));
            }) == "[copy_from] expects float64 [2, 2] on cpu, got float32 [2, 2] on cpu");
    REQUIRE(error_of([&] { x.slice(0, 3).copy_from(x.slice(1, 4)); }) ==
            "[copy_from] float64 [3, 2] on cpu overlaps the source in part");
}

TEST_CASE("every misuse of a tensor says what it was given") {
    const Tensor x = counting({4, 3}), nothing;
    REQUIRE(error_of([&] { x.data<float>(); }) ==
            "[tensor] asked for float32 elements on cpu of float64 [4, 3] on cpu");
    REQUIRE(error_of([&] { nothing.data<float>(); }) ==
            "[tensor] asked for float32 elements on cpu of an undefined tensor");
    REQUIRE(error_of([&] { nothing.device(); }) == "[tensor] an undefined tensor is on no device");
    REQUIRE(error_of([&] { nothing.clone(); }) == "[tensor] an undefined tensor is on no device");
    REQUIRE(error_of([&] { nothing.values(); }) == "[tensor] an undefined tensor is on no device");
    REQUIRE(error_of([&] { x.slice(3, 5); }) == "[slice] rows 3 to 5 of float64 [4, 3] on cpu");
    REQUIRE(error_of([&] { x.slice(2, 1); }) == "[slice] rows 2 to 1 of float64 [4, 3] on cpu");
    REQUIRE(error_of([&] { x.slice(-1, 1); }) == "[slice] rows -1 to 1 of float64 [4, 3] on cpu");
    REQUIRE(error_of([&] { x.view({5, 3}); }) == "[view] [5, 3] has 15 elements, [4, 3] has 12");
    REQUIRE(error_of([&] { x.subrange(10, {3}); }) == "[subrange] elements 10 to 13 of float64 [4, 3] on cpu");
    REQUIRE(error_of([&] { x.item(); }) == "[item] expects one element, got float64 [4, 3] on cpu");
    REQUIRE(error_of([] { Tensor::from({3}, std::vector<float>{1}); }) == "[tensor] [3] needs 3 values, got 1");
    REQUIRE(error_of([] { Tensor::empty({int64_t{1} << 62}, DType::float64); }) ==
            "[tensor] [4611686018427387904] of float64 is larger than memory can be");
}

TEST_CASE("the first element that is not finite is found, in any dtype") {
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::dual}) {
        INFO(name_of(dtype));
        const auto first = [&](const std::vector<double>& values) {
            return first_not_finite(Tensor::from({static_cast<int64_t>(values.size())}, values).to(dtype));
        };
        REQUIRE(first({1, -2, 3}) == 3);
        REQUIRE(first({1, INFINITY, NAN}) == 1);
        REQUIRE(first({NAN}) == 0);
        REQUIRE(first({}) == 0);
    }
    REQUIRE(first_not_finite(Tensor::zeros({2, 2}, DType::int64)) == 4);
}
