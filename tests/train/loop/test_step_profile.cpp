// Where a step's time goes: what is counted, not how long it takes.

#include "train/loop/step_profile.h"

#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("a step's profile counts calls and products by operation, forward and backward apart") {
    Tensor weight = random_tensor({4, 8}, Random{1, 0}).to(DType::float32);
    require_gradient(weight, "weight");
    const Tensor x = random_tensor({10, 8}, Random{1, 1}).to(DType::float32);
    StepProfile profile;
    for (int step = 0; step < 2; ++step) {
        Tape tape;
        profile.watch(tape);
        const Tensor y = linear(gelu(linear(x, weight)), reshape(weight, {8, 4}));
        tape.backward(gelu(y), Tensor::zeros({10, 8}));
    }
    std::map<std::string, OperationCost> costs;
    for (const OperationCost& cost : profile.operations()) costs[cost.name] = cost;
    REQUIRE(costs.size() == 3);
    REQUIRE(costs["gelu"].calls == 4);
    REQUIRE(costs["gelu"].flops() == 0);
    REQUIRE(costs["linear"].calls == 4);
    const double product = 2.0 * 10 * 8 * 4;  // each of them; the first x needs no gradient
    REQUIRE(costs["linear"].forward_flops == 2 * 2 * product);
    REQUIRE(costs["linear"].backward_flops == 2 * 3 * product);
    REQUIRE(profile.products().flops() == 2 * 5 * product);
    for (const auto& [name, cost] : costs) {
        REQUIRE(cost.forward_s > 0);
        REQUIRE(cost.backward_s > 0);
    }
    const auto products = profile.products().products();
    int64_t calls = 0;
    for (const auto& [shape, count] : products) calls += count;
    REQUIRE(calls == 2 * 5);
}

TEST_CASE("products can be computed again by themselves") {
    const std::map<Product, int64_t> products = {{{DType::float32, Layout::plain, 7, 5, 3, false}, 3},
                                                 {{DType::float64, Layout::transposed, 4, 9, 2, true}, 1}};
    ProductLog log;
    REQUIRE(seconds_of_products(products) > 0);
    REQUIRE(log.products() == products);
}
