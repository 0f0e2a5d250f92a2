// Training with parameters frozen: they stay the same bits, and the rest trains as it would.
#include "cuda/runtime/runtime.h"
#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

SwinRecipe frozen_recipe(const std::string& device = "cpu", const std::string& precision = "f32") {
    SwinRecipe recipe = small_recipe();
    recipe.freeze = "patch_embed,layers.0,*.mlp.fc2.weight";
    recipe.weight_decay = 0.5;  // would show
    recipe.device = device == "cpu" ? "cpu" : cuda::emulated() ? "emulated" : "cuda";
    recipe.precision = precision;
    return recipe;
}

void take_steps(Trainer& trainer, int count) {
    for (int i = 0; i < count; ++i) advance(trainer);
    trainer.settle();
}

void require_frozen_alone_unchanged(const SwinRecipe& recipe, const Dataset& data) {
    SwinTrainer trainer(recipe, small_config(), data, plain);
    const Tensor before = trainer.parameters().values().on_cpu().clone();
    take_steps(trainer, 4);
    const Tensor after = trainer.parameters().values().on_cpu();
    int trained = 0, changed = 0;
    for (const auto& entry : trainer.parameters().entries()) {
        INFO(entry.name);
        const bool frozen = entry.name.starts_with("patch_embed") || entry.name.starts_with("layers.0") ||
                            entry.name.ends_with("mlp.fc2.weight");
        REQUIRE(entry.trained() == !frozen);
        const Tensor was = before.subrange(entry.offset, entry.shape), is = after.subrange(entry.offset, entry.shape);
        if (frozen) REQUIRE(same_bits(was, is));
        trained += !frozen;
        changed += !same_bits(was, is);
    }
    // By sgd the first steps may be too small for a scale of attention: its branch begins at 0.
    REQUIRE(changed >= trained - (recipe.opt == "sgd" ? 1 : 0));
    REQUIRE(trained > 10);
}

}  // namespace

TEST_CASE("frozen parameters keep their bits, weight decay included, and all others learn") {
    const Dataset data = coloured_noise(48);
    for (const char* precision : {"f32", "bf16"}) require_frozen_alone_unchanged(frozen_recipe("cpu", precision), data);
    SwinRecipe by_sgd = frozen_recipe();
    by_sgd.opt = "sgd";
    require_frozen_alone_unchanged(by_sgd, data);
}

TEST_CASE("on a device frozen parameters keep their bits in captured steps too") {
    require_frozen_alone_unchanged(frozen_recipe("device"), coloured_noise(48));
    require_frozen_alone_unchanged(frozen_recipe("device", "bf16"), coloured_noise(48));
}

TEST_CASE("a frozen run that is saved and continued ends with the same bits") {
    const Dataset data = coloured_noise(48);
    const TemporaryDirectory directory;
    SwinTrainer whole(frozen_recipe(), small_config(), data, plain),
        first(frozen_recipe(), small_config(), data, plain);
    take_steps(whole, 7);
    take_steps(first, 3);
    first.save(directory / "saved");
    SwinTrainer second(frozen_recipe(), small_config(), data, plain);
    second.load(directory / "saved");
    take_steps(second, 4);
    REQUIRE(same_bits(second.parameters().values(), whole.parameters().values()));

    SwinRecipe thawed = frozen_recipe();
    thawed.freeze = "";
    SwinTrainer other(thawed, small_config(), data, plain);
    REQUIRE(contains(error_of([&] { other.load(directory / "saved"); }), "made with freeze"));
}

TEST_CASE("a trainer refuses to freeze what is not there") {
    SwinRecipe recipe = small_recipe();
    recipe.freeze = "layer.0";
    const Dataset data = coloured_noise(24);
    REQUIRE(error_of([&] { SwinTrainer(recipe, small_config(), data, plain); }) ==
            "[freeze] \"layer.0\" names no parameter; did you mean layers.0?");
}
