#include "tests/support/catch.h"
#include "train/program/console/time_left.h"

using namespace swingrad;

TEST_CASE("the time left is by steps alone in the first epoch, then by whole epochs with what is beside their steps") {
    TimeLeft left;
    REQUIRE(left.of(0.5, 10, 20, 2) == 0.5 * 10 + 0.5 * 20 * 2);
    left.epoch_took(16, 10);  // six seconds of validation, checkpoint and report
    REQUIRE(left.of(0.5, 10, 20, 2) == 5 + 6 + 2 * 16);
    REQUIRE(left.of(0.5, 0, 20, 0) == 6);
}

TEST_CASE("of the epochs done the last five say how long one takes") {
    TimeLeft left;
    left.epoch_took(1000, 900);
    for (int i = 0; i < 4; ++i) left.epoch_took(10, 8);
    REQUIRE(left.of(1, 0, 8, 1) == (100 + 4 * 2) / 5.0 + (1000 + 4 * 10) / 5.0);
    left.epoch_took(10, 8);
    REQUIRE(left.of(1, 0, 8, 1) == 2 + 10);
}
