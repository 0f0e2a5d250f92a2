#include "core/io/suggest.h"
#include "models/swin/config.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/loop/swin_recipe.h"

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("the edit distance counts letters put in, taken out, replaced and exchanged") {
    REQUIRE(edit_distance("", "") == 0);
    REQUIRE(edit_distance("nano", "nano") == 0);
    REQUIRE(edit_distance("", "abc") == 3);
    REQUIRE(edit_distance("epocs", "epochs") == 1);
    REQUIRE(edit_distance("epochss", "epochs") == 1);
    REQUIRE(edit_distance("gelo", "gelu") == 1);
    REQUIRE(edit_distance("gaint", "giant") == 1);  // exchanged with its neighbour
    REQUIRE(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest known word is suggested, and none where none is near") {
    const std::vector<std::string> commands{"train", "evaluate", "predict", "trace"};
    REQUIRE(nearest("trian", commands) == "train");
    REQUIRE(nearest("Evalute", commands) == "evaluate");
    REQUIRE(nearest("eval", commands) == "evaluate");  // only one begins so
    REQUIRE(nearest("tra", commands) == "");           // two do
    REQUIRE(nearest("dance", commands) == "");
    REQUIRE(nearest("", commands) == "");
    REQUIRE(nearest("x", {"a", "b"}) == "");  // one edit away, but nothing in common
    REQUIRE(nearest("--batch_size", {"--seed", "--batch-size"}) == "--batch-size");
    REQUIRE(nearest("-epochs", {"--epochs"}) == "--epochs");
    REQUIRE(suggestion("trian", commands) == "did you mean train?");
    REQUIRE(suggestion("gpu", {"cpu"}) == "expected one of cpu");
    REQUIRE(suggestion("dance", commands) == "expected one of train, evaluate, predict, trace");
}

TEST_CASE("a misspelt model, key or value of a configuration names the nearest") {
    REQUIRE(error_of([] { named_config("tniy"); }) == "[config] unknown model 'tniy'; did you mean tiny?");
    REQUIRE(error_of([] {
                config_from_json({{"embed_dims", 48}});
            }) == "[config] unknown key \"embed_dims\"; did you mean embed_dim?");
    REQUIRE(error_of([] {
                config_from_json({{"norm", "res_post"}});
            }) ==
            "[config] norm must be one of res-post, pre, post, sandwich, got \"res_post\"; did you mean res-post?");
    REQUIRE(error_of([] {
                config_from_json({{"norm", "batch"}});
            }) == "[config] norm must be one of res-post, pre, post, sandwich, got \"batch\"");
    SwinRecipe recipe;
    REQUIRE(error_of([&] {
                update(recipe, {{"epocs", 3}}, "run.json");
            }) == "run.json: unknown key \"epocs\"; did you mean epochs?");
    recipe.opt = "adam";
    REQUIRE(error_of([&] { validate(recipe); }) == "unknown --opt \"adam\": did you mean adamw?");
}
