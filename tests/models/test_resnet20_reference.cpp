#include "tests/models/reference_training.h"

#define main resnet20_main
#include "tests/examples/resnet20.cpp"  // NOLINT(bugprone-suspicious-include): the example itself
#undef main

TEST_CASE("the example resnet20 has PyTorch's losses over 20 steps") {
    resnet20::ResNet20 model;
    test::require_pytorchs_losses("resnet20", model, test::reference_images(), test::reference_labels(), true);
}
