// ZeRO, stage 1: the optimiser's memory divided among ranks, and every bit as in one process.
#include "core/factories.h"
#include "core/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/thread_ranks.h"
#include "train/optim/shards.h"
#include "train/ranks/parts.h"

#include <filesystem>

using namespace swingrad;
using namespace swingrad::test;

namespace {

SwinRecipe recipe_of(const std::string& opt, const std::string& precision) {
    SwinRecipe recipe = small_recipe();
    recipe.batch_size = 16;
    recipe.micro_batches = 4;
    recipe.opt = opt;
    recipe.precision = precision;
    return recipe;
}

using Bits = std::map<std::string, std::string>;  // of each tensor of a file

Bits bits_in(const std::filesystem::path& path) {
    Bits bits;
    const SafetensorsFile file = read_safetensors(path);
    for (const auto& [name, tensor] : file.tensors)
        bits[name].assign(static_cast<const char*>(tensor.address()), tensor.bytes());
    return bits;
}

struct Ended {
    Bits checkpoint, weights, averaged;
    std::vector<double> losses, norms;

    bool operator==(const Ended&) const = default;
};

class Trainings {
  public:
    // So many steps by so many ranks, from a checkpoint where one is named, to one that is.
    Ended end_of(SwinRecipe recipe, int ranks, int64_t zero, int steps, const std::string& from = "",
                 const std::string& to = "end") {
        recipe.zero = zero;
        Ended ended;
        const auto train = [&](Ranks& here) {
            SwinTrainer trainer(recipe, small_config(), data_, plain, here);
            check(trainer.is_sharded() == (zero == 1 && ranks > 1), "sharded or not");
            if (!from.empty()) trainer.load(directory_ / from);
            for (int i = 0; i < steps; ++i) {
                trainer.step();
                if (here.rank() == ranks - 1) ended.losses.push_back(trainer.last_loss());
                if (here.rank() == ranks - 1) ended.norms.push_back(trainer.mean_gradient_norm());
                if (trainer.epoch_done()) trainer.begin_next_epoch();
            }
            trainer.save(directory_ / to);
            trainer.save_weights(directory_ / "weights", {});
            {
                const AveragedInPlace averaged = trainer.averaged_in_place();
                trainer.save_weights(directory_ / "averaged", {});
            }
            trainer.save_weights(directory_ / "again", {});
        };
        if (ranks == 1) train(one_rank());
        else as_ranks(ranks, train);
        ended.checkpoint = bits_in(directory_ / to);
        ended.weights = bits_in(directory_ / "weights");
        ended.averaged = bits_in(directory_ / "averaged");
        REQUIRE(bits_in(directory_ / "again") == ended.weights);
        return ended;
    }

  private:
    const Dataset data_ = coloured_noise(48);  // three steps an epoch
    const TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("with the optimiser's memory divided, ranks end with the bits of one process") {
    Trainings trainings;
    for (const char* precision : {"f32", "bf16"})
        for (const char* opt : {"adamw", "sgd", "muon"}) {
            SwinRecipe recipe = recipe_of(opt, precision);
            if (opt == std::string("adamw")) recipe.model_ema = true;
            recipe.model_ema_decay = 0.5;
            recipe.clip_grad = opt == std::string("muon") ? 0 : 0.1;
            const Ended alone = trainings.end_of(recipe, 1, 0, 3);
            REQUIRE((alone.averaged != alone.weights) == recipe.model_ema);
            const bool briefly = opt != std::string("adamw");
            for (const int ranks : briefly ? std::vector{3, 8} : std::vector{1, 2, 3, 4, 8}) {
                INFO(opt << " in " << precision << " by " << ranks);
                REQUIRE(trainings.end_of(recipe, ranks, 1, 3) == alone);
            }
        }
}

TEST_CASE("memory divided or not, clipping, freezing and rates by layer give the same bits") {
    Trainings trainings;
    SwinRecipe rows = recipe_of("adamw", "bf16"), elements = rows, frozen = rows, skipping = recipe_of("adamw", "f32");
    rows.clip_mode = "agc";
    rows.clip_grad = 0.01;
    elements.clip_mode = "value";
    elements.clip_grad = 1e-3;
    frozen.freeze = "patch_embed,layers.0";
    frozen.layer_decay = 0.7;
    skipping.grad_accum_steps = 2;
    for (const SwinRecipe& recipe : {rows, elements, frozen, skipping})
        REQUIRE(trainings.end_of(recipe, 3, 1, 4) == trainings.end_of(recipe, 1, 0, 4));
}

TEST_CASE("a checkpoint of divided memory is that of one process, and any number of ranks goes on from any") {
    Trainings trainings;
    for (const char* precision : {"f32", "bf16"}) {
        SwinRecipe recipe = recipe_of("adamw", precision);
        recipe.model_ema = true;
        const Ended half = trainings.end_of(recipe, 1, 0, 2, "", "half-alone"),
                    whole = trainings.end_of(recipe, 1, 0, 4);
        REQUIRE(trainings.end_of(recipe, 3, 1, 2, "", "half-divided") == half);
        struct Way {
            std::string from;
            int ranks;
            int64_t zero;
        };
        for (const Way& way : std::vector<Way>{{"half-divided", 1, 0},
                                               {"half-divided", 2, 1},
                                               {"half-divided", 2, 0},
                                               {"half-divided", 8, 1},
                                               {"half-alone", 4, 1}}) {
            Ended end = trainings.end_of(recipe, way.ranks, way.zero, 2, way.from);
            REQUIRE(end.losses == std::vector<double>(whole.losses.begin() + 2, whole.losses.end()));
            REQUIRE(end.checkpoint == whole.checkpoint);
            REQUIRE(end.averaged == whole.averaged);
        }
    }
}

TEST_CASE("parts lie side by side, are about equal, and are cut at entries") {
    const std::vector<int64_t> cuts{0, 16, 48, 400, 416, 1000};
    const auto ends = [&](int ranks) {
        std::vector<int64_t> all;
        int64_t end = 0;
        for (const RankPart& part : parts_cut_at(cuts, ranks, 1000)) {
            REQUIRE(part.begin == end);
            all.push_back(end = part.end);
        }
        return all;
    };
    REQUIRE(ends(1) == std::vector<int64_t>{1000});
    REQUIRE(ends(2) == std::vector<int64_t>{416, 1000});
    REQUIRE(ends(3) == std::vector<int64_t>{400, 416, 1000});
    REQUIRE(ends(8) == std::vector<int64_t>{48, 400, 400, 416, 416, 1000, 1000, 1000});
}

TEST_CASE("a rank keeps its own part in memory, and gives the others' pages back") {
    struct Long : Module {
        Parameter a, b;
        Long() {
            declare("a", a, {100'000}, Init::constant(1));
            declare("b", b, {100'000}, Init::constant(1));
        }
    };
    Long model;
    const Parameters parameters(model, DType::float32, Random{3, 0});
    as_ranks(2, [&](Ranks& ranks) {
        const Shards shards(parameters, ranks);
        const Tensor flat = full(parameters.values().shape(), 1, DType::float32);
        shards.forget_others(flat);
        const RankPart own = shards.own();
        const float* values = flat.data<float>();
        for (int64_t i = own.begin; i < own.end; ++i) check(values[i] == 1, "own element {} is gone", i);
        int64_t kept = 0;  // of the others', on pages that hold something else
        for (int64_t i = 0; i < flat.numel(); ++i) kept += values[i] == 1 && (i < own.begin || i >= own.end);
        check(own.size() == 100'000 && kept <= 2 * 1024 + 16, "rank {} keeps {} elements of others", ranks.rank(),
              kept);
    });
}

TEST_CASE("what cannot be divided is refused") {
    const auto refused = [](const char* name, const nlohmann::json& value, const char* device) {
        Recipe recipe;
        recipe.device = device;
        try {
            update(recipe, nlohmann::json{{name, value}}, "test");
            validate(recipe);
        } catch (const UsageError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    REQUIRE(refused("zero", 2, "cpu") == "--zero must be 0 or 1, got 2");
    REQUIRE(refused("zero", 1, "emulated") == "--zero 1 is for --device cpu, got --device emulated");
    REQUIRE(refused("reduce", "quick", "cpu") == "unknown --reduce \"quick\": expected one of ordered, fast");
}
