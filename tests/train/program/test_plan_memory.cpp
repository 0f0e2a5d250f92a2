// A plan's memory against what a step takes: bytes are counted, by the allocator.
#include "core/allocator.h"
#include "core/threads.h"
#include "models/swin/swin_v2.h"
#include "tests/support/catch.h"
#include "train/loop/loss.h"
#include "train/optim/mean_gradient.h"
#include "train/optim/optimiser.h"
#include "train/program/plan/rank_memory.h"

#include <optional>

using namespace swingrad;

namespace {

// The most that tensors take in a training step on the CPU, beside what they took before the model was made.
double counted_bytes(const SwinConfig& config, const RankWork& work) {
    const size_t before = memory_statistics(Device::cpu).live;
    SwinV2 model(config);
    const Parameters parameters(model, work.dtype, Random{});
    const auto optimiser = make_adamw(parameters, {});
    std::optional<MeanGradient> mean;
    if (work.sums_gradients()) mean.emplace(parameters);
    const Extent size = config.img_size;
    const Tensor images = Tensor::zeros({work.parts * work.images, size.rows, size.columns, config.in_chans});
    const Tensor labels = Tensor::zeros({work.parts * work.images}, DType::int64);
    const Loss loss = classification_loss();
    const auto pass = [&](int64_t i) {
        const int64_t begin = i * work.images, end = begin + work.images;
        Tape tape;
        tape.backward(loss(model.forward(model.as_input(images.slice(begin, end))), labels.slice(begin, end)));
    };
    const auto step = [&] {
        parameters.zero_grad();
        model.train(Random{1, 2});
        if (mean) {
            mean->begin(work.parts);
            mean->add(0, work.parts, work.at_once() > 1, pass);
            mean->finish(work.parts);
        } else {
            pass(0);
        }
        optimiser->step(1e-3);
    };
    step();  // what is made on first use
    reset_peak(Device::cpu);
    step();
    return static_cast<double>(memory_statistics(Device::cpu).peak - before);
}

struct Compared {
    double planned, counted;
};

Compared compared(const char* name, bool checkpoint, bool sequential, RankWork work) {
    SwinConfig config = named_config(name);
    config.drop_path_rate = 0;  // samples that it drops take no memory, and a plan counts them
    config.checkpoint_blocks = checkpoint;
    config.sequential_attention = sequential;
    work.all_parts = work.parts;
    INFO(name << ", " << (work.dtype == DType::float32 ? "f32" : "bf16") << ", " << work.parts << " x " << work.images
              << (checkpoint ? ", checkpointed" : "") << (sequential ? ", sequential" : ""));
    const Compared both{total_of(rank_memory(config, work, pass_of(config, work))) - program_bytes,
                        counted_bytes(config, work)};
    INFO("planned " << both.planned << " bytes, counted " << both.counted);
    if (work.at_once() == 1) REQUIRE(both.planned == Approx(both.counted).epsilon(0.05));
    return both;
}

}  // namespace

TEST_CASE("a plan's memory of a rank is what a step takes") {
    const int threads = thread_count();
    set_thread_count(1);
    for (const DType dtype : {DType::float32, DType::bfloat16})
        for (const int64_t parts : {1, 4})
            for (const bool checkpoint : {false, true}) {
                const RankWork work{.dtype = dtype, .parts = parts, .images = 32};
                compared("nano", checkpoint, false, work);
                compared("nano", checkpoint, true, work);
            }
    compared("micro", false, false, {.parts = 4, .images = 8});
    compared("cifar", false, false, {.parts = 2, .images = 8});
    compared("cifar", true, true, {.dtype = DType::bfloat16, .parts = 2, .images = 8});
    set_thread_count(threads);
}

// How many of two micro-batches are at their largest together depends on time; a plan counts both so.
TEST_CASE("a plan's memory of micro-batches that are computed at once is not less than a step takes") {
    const int threads = thread_count();
    set_thread_count(2);
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
        const auto [planned, counted] =
            compared("nano", false, false, {.dtype = dtype, .parts = 4, .images = 32, .threads = 2});
        REQUIRE(counted < 1.05 * planned);
        REQUIRE(counted > 0.6 * planned);
    }
    set_thread_count(threads);
}
