#include "tests/models/reference_training.h"

#define main vit_main
#include "tests/examples/vit.cpp"  // NOLINT(bugprone-suspicious-include): the example itself
#undef main

TEST_CASE("the example vit has PyTorch's losses over 20 steps") {
    vit::ViT model;
    test::require_pytorchs_losses(model, test::reference_images(), test::reference_labels(), {.name = "vit"});
}
