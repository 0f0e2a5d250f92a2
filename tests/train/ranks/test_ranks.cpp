// Training by several ranks: the bits of one process, whoever computes what.
#include "core/allocator.h"
#include "core/factories.h"
#include "cuda/runtime/runtime.h"
#include "tests/support/catch.h"
#include "tests/support/long_model.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "tests/support/thread_ranks.h"
#include "train/ranks/alike.h"
#include "train/ranks/blocks.h"

#include <numeric>

using namespace swingrad;
using namespace swingrad::test;

namespace {

struct Ended {
    std::string bits;  // of parameters and optimiser
    std::vector<double> losses;
    double norm = 0, accuracy = 0;

    bool operator==(const Ended&) const = default;
};

Ended end_of(Trainer& trainer, int64_t steps) {
    Ended ended;
    for (int64_t i = 0; i < steps; ++i) {
        trainer.step();
        trainer.settle();
        ended.losses.push_back(trainer.last_loss());
        ended.norm = trainer.mean_gradient_norm();
        ended.accuracy = trainer.classifies() ? trainer.accuracy() : -1;
        if (trainer.epoch_done()) trainer.begin_next_epoch();
    }
    const Tensor values = trainer.parameters().values().on_cpu();
    ended.bits.assign(static_cast<const char*>(values.address()), values.bytes());
    return ended;
}

SwinRecipe recipe_of(int64_t batch, int64_t micro_batches, const std::string& precision = "f32") {
    SwinRecipe recipe = small_recipe();
    recipe.batch_size = batch;
    recipe.micro_batches = micro_batches;
    recipe.precision = precision;
    return recipe;
}

SwinConfig config_with_drops() {
    SwinConfig config = small_config();
    config.drop_path_rate = 0.3;
    config.drop_rate = 0.1;
    return config;
}

Ended one_process(const SwinRecipe& recipe, const Dataset& data, int64_t steps) {
    SwinTrainer trainer(recipe, config_with_drops(), data, plain);
    return end_of(trainer, steps);
}

std::vector<Ended> by_ranks(int ranks, const SwinRecipe& recipe, const Dataset& data, int64_t steps) {
    std::vector<Ended> ended(static_cast<size_t>(ranks));
    const auto body = [&](Ranks& here) {
        SwinTrainer trainer(recipe, config_with_drops(), data, plain, here);
        ended[static_cast<size_t>(here.rank())] = end_of(trainer, steps);
    };
    as_ranks(ranks, body, recipe.device != "cpu");
    return ended;
}

}  // namespace

TEST_CASE("any number of ranks, also one that does not divide the batch, trains to the bits of one process") {
    const Dataset data = coloured_noise(36);
    for (const char* precision : {"f32", "bf16"}) {
        const SwinRecipe recipe = recipe_of(16, 8, precision);
        const Ended alone = one_process(recipe, data, 3);
        REQUIRE(alone.losses[0] != alone.losses[1]);
        for (const int ranks : {1, 2, 3, 4, 8, 11})  // of eleven, three have nothing to do
            for (const Ended& ended : by_ranks(ranks, recipe, data, 3)) {
                INFO(ranks << " ranks, " << precision);
                REQUIRE(ended == alone);
            }
    }
}

TEST_CASE("ranks share steps of several batches, batches computed whole, and mixed images") {
    const Dataset data = coloured_noise(60);
    SwinRecipe several = recipe_of(8, 4), whole = recipe_of(8, 1), mixed = recipe_of(8, 4), odd = recipe_of(9, 9);
    several.grad_accum_steps = 3;  // the epoch's last step has one batch
    mixed.mixup = 0.8;
    mixed.cutmix = 1;
    for (const SwinRecipe& recipe : {several, whole, mixed, odd}) {
        const Ended alone = one_process(recipe, data, 4);
        for (const int ranks : {2, 3})
            for (const Ended& ended : by_ranks(ranks, recipe, data, 4)) REQUIRE(ended == alone);
    }
}

TEST_CASE("ranks on a device train to the bits of one process there, captured") {
    const Dataset data = coloured_noise(36);
    for (const char* precision : {"f32", "bf16"}) {
        SwinRecipe recipe = recipe_of(16, 4, precision);
        recipe.device = cuda::emulated() ? "emulated" : "cuda";
        const Ended alone = one_process(recipe, data, 3);
        SwinRecipe on_cpu = recipe;
        on_cpu.device = "cpu";
        const Ended here = one_process(on_cpu, data, 3);
        REQUIRE(alone.losses[2] == Approx(here.losses[2]).epsilon(precision == std::string("f32") ? 1e-4 : 2e-2));
        REQUIRE(alone.accuracy == Approx(here.accuracy).margin(7));
        for (const int ranks : {2, 3})
            for (const Ended& ended : by_ranks(ranks, recipe, data, 3)) REQUIRE(ended == alone);
    }
    SwinRecipe recipe = recipe_of(16, 2);
    recipe.device = cuda::emulated() ? "emulated" : "cuda";
    REQUIRE_THROWS_WITH(by_ranks(3, recipe, data, 1),
                        Catch::Matchers::Equals("[train] on a device 3 ranks need as many micro-batches, got 2"));
}

TEST_CASE("a step that is not finite is left out by all ranks, and named as by one process") {
    Dataset data = coloured_noise(32);
    SwinRecipe recipe = recipe_of(8, 4);
    recipe.on_nan = "skip";
    recipe.lr = 1e30;
    recipe.warmup_epochs = 0;
    const auto said_by = [&](Ranks& ranks) {
        std::vector<std::string> said;
        SwinTrainer trainer(recipe, small_config(), data, plain, ranks);
        trainer.on_skip = [&](const std::string& why) { said.push_back(why); };
        for (int i = 0; i < 3; ++i) trainer.step();
        return said;
    };
    const std::vector<std::string> alone = said_by(one_rank());
    REQUIRE(!alone.empty());
    as_ranks(3, [&](Ranks& ranks) { check(said_by(ranks) == alone, "rank {} says something else", ranks.rank()); });
}

TEST_CASE("sums over blocks have the bits of one tree, and are sent with the least bytes where blocks are whole") {
    const int64_t count = 1000;  // no multiple of what a part is rounded to
    const auto of = [&](int64_t number) { return random_tensor({count}, Random{9, static_cast<uint64_t>(number)}); };
    for (const int64_t micro_batches : {1, 2, 6, 8, 13}) {
        std::map<BatchBlock, Tensor> all;
        for (int64_t i = 0; i < micro_batches; ++i) all.emplace(BatchBlock{0, i}, of(i));
        const std::vector<double> expected = sum_of_blocks(std::move(all)).values();
        for (const int ranks : {2, 3, 4, 8}) {
            const std::vector<size_t> sent = as_ranks(ranks, [&](Ranks& here) {
                const BlocksOfRanks blocks = blocks_of_ranks(ranks, micro_batches, micro_batches);
                std::map<BatchBlock, Tensor> own;
                for (const BatchBlock& block : blocks[static_cast<size_t>(here.rank())]) {
                    std::map<BatchBlock, Tensor> parts;
                    for (int64_t i = block.number << block.level; i < (block.number + 1) << block.level; ++i)
                        parts.emplace(BatchBlock{0, i}, of(i));
                    own.emplace(block, sum_of_blocks(std::move(parts)));
                }
                const Tensor sum = sum_over_ranks(here, own, blocks, count, DType::float64);
                check(sum.values() == expected, "rank {} of {} has another sum of {}", here.rank(), ranks,
                      micro_batches);
            });
            if (micro_batches != ranks) continue;
            const size_t least = 2 * static_cast<size_t>(count) * 8 * static_cast<size_t>(ranks - 1);  // of all ranks
            const size_t all_sent = std::accumulate(sent.begin(), sent.end(), size_t{0});
            REQUIRE(all_sent == least);
        }
    }
}

TEST_CASE("which blocks each rank has follows from their numbers") {
    using Blocks = std::vector<BatchBlock>;
    REQUIRE(blocks_of_ranks(2, 8, 8) == BlocksOfRanks{Blocks{{2, 0}}, Blocks{{2, 1}}});
    REQUIRE(blocks_of_ranks(3, 8, 8) == BlocksOfRanks{Blocks{{1, 0}}, Blocks{{0, 4}, {1, 1}}, Blocks{{0, 5}, {1, 3}}});
    REQUIRE(blocks_of_ranks(1, 4, 4) == BlocksOfRanks{Blocks{{1, 0}, {1, 1}}});  // the root is left
    REQUIRE(blocks_of_ranks(2, 2, 4) == BlocksOfRanks{Blocks{{0, 0}, {0, 2}}, Blocks{{0, 1}, {0, 3}}});
    REQUIRE(blocks_of_ranks(3, 2, 2) == BlocksOfRanks{Blocks{}, Blocks{{0, 0}}, Blocks{{0, 1}}});
    REQUIRE(blocks_of_ranks(1, 1, 1) == BlocksOfRanks{Blocks{{0, 0}}});
}

TEST_CASE("ranks take no more memory from step to step") {
    for (const DType dtype : {DType::float32, DType::bfloat16})
        as_ranks(3, [&](Ranks& ranks) {
            Long model;
            const Parameters parameters(model, dtype, Random{3, 0});
            MeanGradient mean(parameters);
            mean.share({&ranks, 4});
            std::vector<size_t> live;
            for (int step = 0; step < 6; ++step) {
                const Share own = share_of(ranks.rank(), ranks.size(), 4);
                mean.begin(4);
                mean.add(own.first, own.count, false,
                         [&](int64_t number) { receive_random(parameters, static_cast<uint64_t>(number)); });
                mean.finish(4);
                ranks.meet();
                live.push_back(memory_statistics(Device::cpu).live);
                ranks.meet();
            }
            check(live[5] <= live[2], "rank {} has {} bytes after step 3, {} after step 6", ranks.rank(), live[2],
                  live[5]);
        });
}

TEST_CASE("on a device ranks look at the same steps, so that one left out is left out by all, whenever one looks") {
    const Dataset data = coloured_noise(64);
    SwinRecipe recipe = recipe_of(8, 2);
    recipe.device = cuda::emulated() ? "emulated" : "cuda";
    recipe.on_nan = "skip";
    recipe.lr = 1e30;
    recipe.warmup_epochs = 0;
    const auto said_by = [&](Ranks& ranks) {
        std::vector<std::string> said;
        SwinTrainer trainer(recipe, small_config(), data, plain, ranks);
        trainer.on_skip = [&](const std::string& why) { said.push_back(why); };
        for (int i = 0; i < 4; ++i) {
            trainer.step();
            if (ranks.rank() == 0) trainer.settle();  // as where it saves
        }
        trainer.settle();
        return said;
    };
    const std::vector<std::string> alone = said_by(one_rank());
    REQUIRE(!alone.empty());
    as_ranks(
        2, [&](Ranks& ranks) { check(said_by(ranks) == alone, "rank {} says something else", ranks.rank()); }, true);
}

TEST_CASE("a step takes three exchanges, and the least bytes where shares are powers of two") {
    const Dataset data = coloured_noise(32);
    struct Counted : Ranks {
        Ranks& others;
        size_t exchanges = 0;
        explicit Counted(Ranks& ranks) : others(ranks) {}
        int rank() const override { return others.rank(); }
        int size() const override { return others.size(); }
        void exchange(const std::vector<ConstBytes>& to, const std::vector<Bytes>& from) override {
            ++exchanges;
            others.exchange(to, from);
        }
    };
    as_ranks(2, [&](Ranks& ranks) {
        Counted counted(ranks);
        SwinTrainer trainer(recipe_of(8, 4), config_with_drops(), data, plain, counted);
        for (int i = 0; i < 2; ++i) trainer.step();
        check(counted.exchanges == 6 && !trainer.stop_agreed(), "{} exchanges in two steps", counted.exchanges);
        if (ranks.rank() == 1) trainer.wants_to_stop = [] { return true; };
        trainer.step();
        check(trainer.stop_agreed(), "rank {} does not know that rank 1 wants to stop", ranks.rank());
    });
}

TEST_CASE("added up as comes, ranks end about as one process, and send the least") {
    const Dataset data = coloured_noise(64);
    SwinRecipe recipe = recipe_of(8, 8);
    recipe.opt = "sgd";
    const auto bytes_of = [&](const SwinRecipe& by, std::vector<double>& values) {
        const std::vector<size_t> sent = as_ranks(3, [&](Ranks& ranks) {
            SwinTrainer trainer(by, config_with_drops(), data, plain, ranks);
            end_of(trainer, 3);
            if (ranks.rank() == 2) values = trainer.parameters().values().values();
        });
        return std::accumulate(sent.begin(), sent.end(), size_t{0});
    };
    std::vector<double> ordered, fast;
    const size_t more = bytes_of(recipe, ordered);
    recipe.reduce = "fast";
    const size_t less = bytes_of(recipe, fast);
    REQUIRE(ordered != fast);  // the last bits
    for (size_t i = 0; i < fast.size(); ++i) REQUIRE(fast[i] == Approx(ordered[i]).margin(1e-5));
    const size_t gradient = fast.size() * sizeof(float);
    REQUIRE(less >= 3 * 2 * 2 * gradient);  // steps, halves, others
    REQUIRE(less < 3 * 2 * 2 * gradient + 10000);
    // One rank of three has two of the eight, the others three, in two blocks: a gradient more for each of the two, of
    // which two thirds are sent.
    REQUIRE(static_cast<double>(more - less) == Approx(3 * 2 * 2.0 / 3 * static_cast<double>(gradient)).epsilon(0.02));
}

TEST_CASE("a tree's order is that of its picture") {
    // Numbers whose sum depends on the order, in float32.
    const auto number = [](float value) { return full({1}, value, DType::float32); };
    std::map<BatchBlock, Tensor> blocks{{{0, 0}, number(1e8f)},
                                        {{0, 1}, number(-1e8f)},
                                        {{0, 2}, number(1.0f)},
                                        {{0, 3}, number(3e8f)},
                                        {{0, 4}, number(-3e8f)}};
    REQUIRE(sum_of_blocks(blocks).item() == ((1e8f - 1e8f) + (1.0f + 3e8f)) + -3e8f);
}

TEST_CASE("ranks that are about to train something else are named") {
    std::vector<std::string> errors(3);
    as_ranks(3, [&](Ranks& ranks) {
        const std::string version = ranks.rank() == 2 ? "0.3" : "0.2";
        try {
            require_alike(ranks, {{"seed", "7"}, {"version", version}});
        } catch (const Error& error) {
            errors[static_cast<size_t>(ranks.rank())] = error.what();
        }
        require_alike(ranks, {{"seed", "7"}});
    });
    for (const std::string& error : errors)
        REQUIRE(error == "[ranks] rank 2 has another version than rank 0: 0.3, not 0.2");
}
