#include "core/shape.h"

#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <utility>
#include <vector>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("a shape counts its elements and rows") {
    const Shape shape{2, 3, 4};
    REQUIRE(shape.rank() == 3);
    REQUIRE(shape.numel() == 24);
    REQUIRE(shape.rows() == 6);
    REQUIRE(shape.text() == "[2, 3, 4]");
    REQUIRE(fmt::format("{}", shape) == "[2, 3, 4]");
    REQUIRE(Shape{}.rank() == 0);
    REQUIRE(Shape{}.numel() == 1);
    REQUIRE(Shape{}.rows() == 1);
    REQUIRE(Shape{}.text() == "[]");
    REQUIRE(Shape{5, 0}.numel() == 0);
    REQUIRE(Shape{5, 0}.rows() == 5);
}

TEST_CASE("axes count from either end") {
    const Shape shape{2, 3, 4};
    REQUIRE(shape[0] == 2);
    REQUIRE(shape[-1] == 4);
    REQUIRE(shape[-3] == 2);
    REQUIRE(error_of([&] { (void)shape[3]; }) == "[shape] axis 3 of a tensor of shape [2, 3, 4]");
    REQUIRE(error_of([&] { (void)shape[-4]; }) == "[shape] axis -4 of a tensor of shape [2, 3, 4]");
    REQUIRE(error_of([] { (void)Shape{}[0]; }) == "[shape] axis 0 of a tensor of shape []");
}

TEST_CASE("with changes one axis of a copy") {
    const Shape shape{2, 3, 4};
    REQUIRE(shape.with(-1, 7) == Shape{2, 3, 7});
    REQUIRE(shape.with(0, 0) == Shape{0, 3, 4});
    REQUIRE(shape == Shape{2, 3, 4});
    REQUIRE(error_of([&] { (void)shape.with(1, -1); }) == "[shape] sizes must not be negative, got -1");
    REQUIRE(error_of([&] { (void)shape.with(3, 1); }) == "[shape] axis 3 of a tensor of shape [2, 3, 4]");
}

TEST_CASE("shapes are equal in rank and every size") {
    REQUIRE_FALSE(Shape{2, 3} == Shape{3, 2});
    REQUIRE_FALSE(Shape{2} == Shape{2, 1});
    REQUIRE_FALSE(Shape{} == Shape{1});
}

TEST_CASE("a shape that cannot be is an error") {
    REQUIRE(error_of([] { Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}); }) == "[shape] at most 8 axes, got 9");
    REQUIRE(error_of([] { Shape({2, -3}); }) == "[shape] sizes must not be negative, got -3");
    const Shape huge{int64_t{1} << 40, int64_t{1} << 40, 1};
    REQUIRE(error_of([&] { (void)huge.numel(); }) ==
            "[shape] [1099511627776, 1099511627776, 1] has more elements than 63 bits can count");
    REQUIRE(error_of([&] { (void)huge.rows(); }) ==
            "[shape] [1099511627776, 1099511627776, 1] has more elements than 63 bits can count");
}

TEST_CASE("broadcast finds the shape that both are repeated to, or none") {
    REQUIRE(broadcast({}, {}) == Shape{});
    REQUIRE(broadcast({2, 3}, {2, 3}) == Shape{2, 3});
    REQUIRE(broadcast({3}, {2, 3}) == Shape{2, 3});
    REQUIRE(broadcast({4, 1, 3}, {2, 1}) == Shape{4, 2, 3});
    REQUIRE(broadcast({}, {5}) == Shape{5});
    REQUIRE(broadcast({0}, {1}) == Shape{0});
    REQUIRE(broadcast({1, 3}, {0, 3}) == Shape{0, 3});
    for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{{{2}, {3}}, {{2, 3}, {2}}, {{0}, {2}}}) {
        REQUIRE_FALSE(broadcast(a, b).has_value());
        REQUIRE_FALSE(broadcast(b, a).has_value());
    }
}
