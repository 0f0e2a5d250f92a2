#include "tests/models/reference_training.h"

#define main gpt_main
#include "tests/examples/gpt.cpp"  // NOLINT(bugprone-suspicious-include): the example itself
#undef main

TEST_CASE("the example gpt has PyTorch's losses over 20 steps") {
    const Tensor inputs = Tensor::empty({2, gpt::context}, DType::int64), targets = inputs.clone();
    for (int64_t b = 0; b < 2; ++b)
        for (int64_t t = 0; t <= gpt::context; ++t) {
            const double u = test::hashed(static_cast<uint64_t>(b * (gpt::context + 1) + t), 1001);
            const auto character = static_cast<int64_t>((u + 1) * 64);
            if (t < gpt::context) inputs.data<int64_t>()[b * gpt::context + t] = character;
            if (t > 0) targets.data<int64_t>()[b * gpt::context + t - 1] = character;
        }
    gpt::GPT model;
    test::require_pytorchs_losses(model, inputs, targets, {.name = "gpt"});
}
