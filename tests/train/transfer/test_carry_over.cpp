// Phases of a run: what may be asked for, which phase a checkpoint is of, and what goes over from one to the next.

#include "models/swin/resample_weights.h"
#include "models/swin/swin_v2.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/resized_dataset.h"
#include "train/data/sources.h"
#include "train/loop/progressive/phases.h"
#include "train/loop/swin_trainer.h"
#include "train/transfer/carry_over.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

SwinConfig small_model(int64_t img_size, int64_t patch, PositionBias bias) {
    SwinConfig config = named_config("nano");
    config.img_size = {img_size, img_size};
    config.patch_size = {patch, patch};
    config.embed_dim = 12;
    config.depths = {1, 1};
    config.num_heads = {1, 2};
    config.position_bias = bias;
    return config;
}

SwinRecipe small_recipe() {
    SwinRecipe recipe;
    recipe.batch_size = 4;
    recipe.epochs = 4;
    recipe.img_size = 16;
    recipe.model_ema = true;
    recipe.model_ema_decay = 0.5;
    return recipe;
}

Dataset drawn(int64_t size) {
    Dataset data;
    data.classes = std::vector<std::string>(10, "one");
    data.images = Tensor::empty({8, size, size, 3}, DType::uint8);
    for (int64_t i = 0; i < data.images.numel(); ++i)
        data.images.data<uint8_t>()[i] = static_cast<uint8_t>((i * 2654435761U) >> 13);
    for (int64_t i = 0; i < 8; ++i) data.labels.push_back(i % 10);
    return data;
}

Tensor state_of(const Trainer& trainer, const std::string& name) {
    for (const auto& [each, tensor] : trainer.optimiser().state())
        if (each == name) return tensor;
    FAIL("no state " << name);
    return {};
}

Tensor part(const Tensor& flat, const Parameters::Entry& entry) {
    return flat.slice(entry.offset, entry.offset + entry.shape.numel()).view(entry.shape);
}

void require_same(const Tensor& a, const Tensor& b) { REQUIRE(a.values() == b.values()); }

}  // namespace

TEST_CASE("phases are read in three ways, and what cannot be one is named") {
    const SwinConfig model = small_model(32, 2, PositionBias::log_cpb);
    const auto phases = phases_of("16p4:0.25,16:0.25,32:0.5", model, 10);
    REQUIRE(phases.size() == 3);
    REQUIRE(phases[0].model.img_size == Extent{16, 16});
    REQUIRE(phases[0].model.patch_size == Extent{4, 4});
    REQUIRE(phases[1].model.patch_size == Extent{2, 2});
    REQUIRE(phases[2].model.img_size == Extent{32, 32});
    REQUIRE(std::pair{phases[0].begin, phases[0].end} == std::pair<int64_t, int64_t>{0, 3});
    REQUIRE(std::pair{phases[1].begin, phases[1].end} == std::pair<int64_t, int64_t>{3, 5});
    REQUIRE(std::pair{phases[2].begin, phases[2].end} == std::pair<int64_t, int64_t>{5, 10});
    REQUIRE(phases_of("p4:0.5,p2:0.5", model, 2)[0].model.img_size == Extent{32, 32});

    const auto refused = [&](const std::string& text, const std::string& why) {
        const std::string said = error_of([&] { phases_of(text, model, 10); });
        INFO(text << ": " << said);
        REQUIRE(contains(said, why));
    };
    for (const char* text : {"", "16", "x:1", "16x:1", "16:", ":1", "16:0.5,", "16p:1", "0:1", "16:a", "16:1:1", "p:1"})
        refused(text, "is no phase: expected SIZE:SHARE");
    refused("16:0.5,32:0.4", "shares must sum to 1, these to 0.9");
    refused("16:-0.5,32:1.5", "must be in (0, 1]");
    refused("16:nan,32:1", "must be in (0, 1]");
    refused("16:0.01,32:0.99", "\"16:0.01\" has no epoch of 10");
    refused("15:0.5,32:0.5", "\"15:0.5\" cannot be: [config] img_size 15 x 15 must be a multiple of patch_size 2 x 2");
    refused("32:0.5,16:0.5", "the last phase, \"16:0.5\", must be the model itself");
    refused("p4:0.5,p8:0.5", "the last phase, \"p8:0.5\", must be the model itself");
}

TEST_CASE("a checkpoint at a phase's end is that phase's, and one a step later is the next one's") {
    const auto phases = phases_of("16:0.5,32:0.5", small_model(32, 4, PositionBias::log_cpb), 4);
    REQUIRE(phase_of_checkpoint(phases, 0, 0) == 0);
    REQUIRE(phase_of_checkpoint(phases, 1, 7) == 0);
    REQUIRE(phase_of_checkpoint(phases, 2, 0) == 0);
    REQUIRE(phase_of_checkpoint(phases, 2, 1) == 1);
    REQUIRE(phase_of_checkpoint(phases, 4, 0) == 1);
    REQUIRE(phase_of_checkpoint(phases, 9, 9) == 1);
}

TEST_CASE("the next phase begins with the weights of the last, resampled where their shape is another") {
    for (const PositionBias bias : {PositionBias::log_cpb, PositionBias::table}) {
        const SwinRecipe recipe = small_recipe();
        const Dataset large = drawn(16), small = resized_to(large, {8, 8}, Interpolation::bicubic);
        SwinTrainer before(recipe, small_model(8, 4, bias), small, normalisation_of("shapes"));
        SwinTrainer now(recipe, small_model(16, 2, bias), large, normalisation_of("shapes"));
        for (int i = 0; i < 2; ++i) before.step();
        before.begin_next_epoch();
        carry_over(before, now);

        int64_t resampled = 0;
        for (size_t i = 0; i < now.parameters().entries().size(); ++i) {
            const auto &a = before.parameters().entries()[i], &b = now.parameters().entries()[i];
            INFO(a.name);
            const bool same = a.shape == b.shape;
            resampled += same ? 0 : 1;
            require_same(b.value, same ? a.value : resampled_weight(a.name, a.value, b.shape));
            const Tensor average = part(state_of(before, "ema"), a);
            require_same(part(state_of(now, "ema"), b), same ? average : resampled_weight(a.name, average, b.shape));
            for (const char* moment : {"exp_avg", "exp_avg_sq"})
                require_same(part(state_of(now, moment), b),
                             same ? part(state_of(before, moment), a) : Tensor::zeros(b.shape));
            REQUIRE(state_of(now, "step").data<int64_t>()[i] == (same ? 2 : 0));
        }
        // Patches, and with a table those of both stages: windows are as large as their maps.
        REQUIRE(resampled == (bias == PositionBias::table ? 3 : 1));
        REQUIRE(now.optimiser().steps() == 2);
        REQUIRE(now.steps_done() == 2);
        REQUIRE(now.learning_rate_of(2) == before.learning_rate_of(2));
        now.step();
        REQUIRE(std::isfinite(now.last_loss()));
    }
}

TEST_CASE("images of a phase are the data set's, resized once, with the same labels") {
    const Dataset large = drawn(16), small = resized_to(large, {8, 8}, Interpolation::bicubic);
    REQUIRE(small.extent() == Extent{8, 8});
    REQUIRE(small.labels == large.labels);
    for (int64_t i = 0; i < 8; ++i) require_same(small.image(i), resized(large.image(i), {8, 8}));
}
