// A training by each operation's plain loops alone, --device reference, against one by fast paths.

#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

std::vector<double> losses_of(const std::string& device, const std::string& precision, const Dataset& data) {
    const PlainLoops restored;  // the trainer chooses; afterwards it is as it was
    SwinRecipe recipe = small_recipe();
    recipe.device = device;
    recipe.precision = precision;
    SwinTrainer trainer(recipe, small_config(), data, plain);
    std::vector<double> losses;
    while (losses.size() < 20) {
        losses.push_back(trainer.step());
        if (trainer.epoch_done()) trainer.begin_next_epoch();
    }
    return losses;
}

}  // namespace

TEST_CASE("a model trained by plain loops alone has the losses of one trained by fast paths") {
    const Dataset data = coloured_noise(80);
    const auto [precision, tolerance] = GENERATE(table<std::string, double>({{"f32", 1e-5}, {"f64", 1e-11}}));
    const auto fast = losses_of("cpu", precision, data), by_plain_loops = losses_of("reference", precision, data);
    REQUIRE(fast.size() == by_plain_loops.size());
    for (size_t step = 0; step < fast.size(); ++step) {
        INFO(precision << ", step " << step + 1);
        REQUIRE(std::abs(fast[step] - by_plain_loops[step]) <= tolerance * std::abs(fast[step]));
    }
    REQUIRE(fast.front() != fast.back());  // something was learnt
}

TEST_CASE("a model trained by plain loops in bfloat16 learns as one trained by fast paths") {
    const Dataset data = coloured_noise(80);
    const auto fast = losses_of("cpu", "bf16", data), by_plain_loops = losses_of("reference", "bf16", data);
    for (size_t step = 0; step < fast.size(); ++step)
        REQUIRE(std::abs(fast[step] - by_plain_loops[step]) <= 0.05 * std::abs(fast[step]));
}
