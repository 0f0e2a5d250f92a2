// How many launches, products, copies and fills a training step is: each costs a GPU microseconds, however little there
// is to do.

#include "cuda/runtime/kernel_counts.h"
#include "tests/support/catch.h"
#include "train/program/cli/bench_step.h"

using namespace swingrad;

namespace {

// Of a step that is launched as a graph, the third.
int64_t nodes_of(const char* model, DType dtype) {
    SwinConfig config = named_config(model);
    config.num_classes = 10;
    BenchStep step(config, dtype, Device::cuda, 1, 1, false);
    for (int i = 0; i < 2; ++i) step();
    const cuda::CountDevice counting;
    step();
    return counting.counts().nodes();
}

}  // namespace

TEST_CASE("a training step on a device is no more nodes than it was") {
    REQUIRE(nodes_of("nano", DType::bfloat16) <= 269);
    REQUIRE(nodes_of("nano", DType::float32) <= 269);
    REQUIRE(nodes_of("cifar", DType::bfloat16) <= 506);
}
