#include "tests/models/reference_training.h"

#define main resnet20_main
#include "tests/examples/resnet20.cpp"  // NOLINT(bugprone-suspicious-include): the example itself
#undef main

TEST_CASE("the example resnet20 has PyTorch's losses over 20 steps") {
    resnet20::ResNet20 model;
    const Tensor images = test::reference_images(), labels = test::reference_labels();
    test::require_pytorchs_losses(model, images, labels, {.name = "resnet20 slowly", .sgd = true, .rate = 1e-4});
    // At a rate that one would train by, float32 is another matter: of a batch of four, ReLU's kinks and the batch's
    // statistics let one rounding grow to 1e-2 in a few steps, here and in PyTorch.
    test::require_pytorchs_losses(model, images, labels, {.name = "resnet20", .sgd = true, .rate = 0.05},
                                  DType::float64, 1e-6);
}
