#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/program/cli/model_flags.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// The model that a command line of words names, on top of nano.
struct Line {
    CLI::App app;
    ModelChoice choice;

    explicit Line(std::vector<std::string> words) {
        choice.declare(app, "nano");
        std::reverse(words.begin(), words.end());  // as CLI11 takes them
        app.parse(words);
    }
};

SwinConfig config_of(const std::vector<std::string>& words) { return Line(words).choice.config(); }

std::string refusal(const std::vector<std::string>& words) {
    return error_of([&] { config_of(words); });
}

bool same(const SwinConfig& a, const SwinConfig& b) { return config_to_json(a) == config_to_json(b); }

}  // namespace

TEST_CASE("the model of no flags is the default, and --model names another") {
    REQUIRE(same(config_of({}), named_config("nano")));
    REQUIRE(same(config_of({"--model", "giant"}), named_config("giant")));
}

TEST_CASE("flags of the architecture change the named model") {
    const SwinConfig config = config_of({"--model",
                                         "tiny",
                                         "--embed-dim",
                                         "48",
                                         "--depths",
                                         "2,4",
                                         "--num-heads",
                                         "3,6",
                                         "--patch-size",
                                         "4x8",
                                         "--mlp-ratio",
                                         "2.5",
                                         "--qkv-bias",
                                         "false",
                                         "--extra-norm-every",
                                         "2",
                                         "--norm",
                                         "sandwich",
                                         "--merging-norm",
                                         "before",
                                         "--attention",
                                         "dot",
                                         "--position-bias",
                                         "table",
                                         "--position-embedding",
                                         "absolute",
                                         "--cpb-formula",
                                         "paper",
                                         "--padding-order",
                                         "after-shift",
                                         "--drop-rate",
                                         "0.1",
                                         "--proj-drop-rate",
                                         "0.2",
                                         "--drop-path-rate",
                                         "0.3",
                                         "--num-classes",
                                         "7",
                                         "--img-size",
                                         "64",
                                         "--in-chans",
                                         "1",
                                         "--sequential-attention",
                                         "--checkpoint-blocks",
                                         "true"});
    SwinConfig expected = named_config("tiny");
    expected.embed_dim = 48;
    expected.depths = {2, 4};
    expected.num_heads = {3, 6};
    expected.window_size = {{8, 8}, {8, 8}};
    expected.pretrained_window_sizes = {{0, 0}, {0, 0}};
    expected.patch_size = {4, 8};
    expected.mlp_ratio = 2.5;
    expected.qkv_bias = false;
    expected.extra_norm_every = 2;
    expected.norm = NormPlacement::sandwich;
    expected.merging_norm = MergingNorm::before;
    expected.attention = AttentionKind::dot;
    expected.position_bias = PositionBias::table;
    expected.position_embedding = PositionEmbedding::absolute;
    expected.cpb_formula = CpbFormula::paper;
    expected.padding_order = PaddingOrder::after_shift;
    expected.drop_rate = 0.1;
    expected.proj_drop_rate = 0.2;
    expected.drop_path_rate = 0.3;
    expected.num_classes = 7;
    expected.img_size = {64, 64};
    expected.in_chans = 1;
    expected.sequential_attention = expected.checkpoint_blocks = true;
    REQUIRE(config_to_json(config) == config_to_json(expected));
}

TEST_CASE("every key of a configuration has a flag") {
    CLI::App app;
    ModelFlags flags;
    flags.declare(app, {});
    const nlohmann::json keys = config_to_json(SwinConfig{});
    for (const auto& [key, value] : keys.items()) {
        std::string flag = "--" + key;
        std::replace(flag.begin(), flag.end(), '_', '-');
        REQUIRE(app.get_option_no_throw(flag) != nullptr);
    }
    REQUIRE(app.get_option_no_throw("--arch") == app.get_option_no_throw("--architecture"));
}

TEST_CASE("windows are one size, one a stage, or rows and columns") {
    using Windows = std::vector<Extent>;
    REQUIRE(config_of({"--window-size", "8"}).window_size == Windows{{8, 8}, {8, 8}});
    REQUIRE(config_of({"--window-size", "4,2"}).window_size == Windows{{4, 4}, {2, 2}});
    REQUIRE(config_of({"--window-size", "8x4"}).window_size == Windows{{8, 4}, {8, 4}});
    REQUIRE(config_of({"--window-size", "8x4,2"}).window_size == Windows{{8, 4}, {2, 2}});
    REQUIRE(config_of({"--pretrained-window-sizes", "8"}).pretrained_window_sizes == Windows{{8, 8}, {8, 8}});
    REQUIRE(config_of({"--pretrained-window-sizes", "8,4x2"}).pretrained_window_sizes == Windows{{8, 8}, {4, 2}});
    REQUIRE(
        config_of({"--depths", "1", "--num-heads", "3", "--pretrained-window-sizes", "4x2"}).pretrained_window_sizes ==
        Windows{{4, 2}});
}

TEST_CASE("an architecture stands for its switches, and other flags change them again") {
    SwinConfig v1 = named_config("nano");
    use_v1_switches(v1);
    REQUIRE(same(config_of({"--arch", "swin"}), v1));
    v1.attention = AttentionKind::cosine;
    REQUIRE(same(config_of({"--attention", "cosine", "--arch", "swin"}), v1));
}

TEST_CASE("what cannot be is refused with the flag and the value") {
    REQUIRE(refusal({"--model", "mega"}).starts_with("[config] unknown model 'mega'; expected one of nano,"));
    REQUIRE(refusal({"--embed-dim", "wide"}) == "--embed-dim expects a whole number, got \"wide\"");
    REQUIRE(refusal({"--embed-dim", "0"}) == "--embed-dim must be 1 to 65536, got 0");
    REQUIRE(refusal({"--embed-dim", "50"}) == "--embed-dim 50: 50 channels of stage 0 do not divide into 3 heads");
    REQUIRE(refusal({"--depths", "2,x"}) == "--depths expects a whole number, got \"x\"");
    REQUIRE(refusal({"--depths", "2,"}) == "--depths expects a list such as 2,4, got \"2,\"");
    REQUIRE(refusal({"--depths", "2,2,2"}) ==
            "--depths 2,2,2: num_heads must have one entry for each of 3 stages, has 2");
    REQUIRE(refusal({"--num-heads", "3"}) == "--num-heads must have one entry for each of 2 stages, has 1");
    REQUIRE(refusal({"--patch-size", "4xx"}) == "--patch-size expects sizes such as 8 or 8x4, got \"4xx\"");
    REQUIRE(refusal({"--qkv-bias", "maybe"}) == "--qkv-bias expects true or false, got \"maybe\"");
    REQUIRE(refusal({"--norm", "per"}) ==
            "--norm must be one of res-post, pre, post, sandwich, got \"per\"; did you mean pre?");
    REQUIRE(refusal({"--arch", "vit"}) == "--arch must be swin or swinv2, got \"vit\"");
    REQUIRE(refusal({"--mlp-ratio", "-1"}) == "--mlp-ratio must be in (0, 1024], got -1");
}

TEST_CASE("a file has arguments of a model, or is a run's and has a whole one") {
    TemporaryDirectory directory;
    const std::string arguments = (directory / "model.json").string(), run = (directory / "config.json").string();
    write_file_plainly(arguments, R"({"embed_dim": 96, "num_heads": [6, 12]})");
    write_file_plainly(run, nlohmann::json{{"derived", {{"model", config_to_json(named_config("micro"))}}}}.dump());
    REQUIRE(Line({"--config", arguments}).choice.text() == "nano --config " + arguments);
    REQUIRE(Line({"--config", run}).choice.text() == "--config " + run);
    SwinConfig wide = named_config("nano");
    wide.embed_dim = 96;
    wide.num_heads = {6, 12};
    REQUIRE(same(config_of({"--config", arguments}), wide));
    REQUIRE(same(config_of({"--config", run}), named_config("micro")));
    wide.window_size = {{2, 2}, {2, 2}};
    REQUIRE(same(config_of({"--config", arguments, "--window-size", "2"}), wide));
    REQUIRE(refusal({"--config", run, "--model", "nano"}) ==
            "--model nano contradicts --config " + run + ", which has its model");
    write_file_plainly(arguments, R"({"embed_dims": 96})");
    REQUIRE(refusal({"--config", arguments}) ==
            "--config " + arguments + ": [config] unknown key \"embed_dims\"; did you mean embed_dim?");
}

TEST_CASE("what was chosen is told as it was given") {
    REQUIRE(Line({}).choice.text() == "nano");
    REQUIRE_FALSE(Line({}).choice.given());
    REQUIRE(Line({"--model", "tiny", "--embed-dim", "64", "--checkpoint-blocks"}).choice.text() ==
            "tiny --embed-dim 64 --checkpoint-blocks");
    REQUIRE(Line({"--model", "tiny", "--embed-dim", "64"}).choice.flags_text() == "--model tiny --embed-dim 64");
}

TEST_CASE("a flag contradicts a configuration where it says otherwise") {
    const auto contradiction = [](const std::vector<std::string>& words) {
        CLI::App app;
        ModelFlags flags;
        flags.declare(app, {});
        app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
        return flags.contradiction(named_config("nano"));
    };
    REQUIRE(contradiction({}) == "");
    REQUIRE(contradiction({"--embed-dim", "48", "--window-size", "4"}) == "");
    REQUIRE(contradiction({"--embed-dim", "48", "--mlp-ratio", "2"}) == "--mlp-ratio 2 contradicts the 4.0");
    REQUIRE(contradiction({"--window-size", "2"}) == "--window-size 2 contradicts the [[4,4],[4,4]]");
    REQUIRE(contradiction({"--arch", "swin"}) == "--arch swin contradicts the switches");
    REQUIRE(contradiction({"--arch", "swinv2"}) == "");
}
