// Configurations as hubs keep them beside weights.
#include "models/swin/config.h"
#include "models/swin/hub_config.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

namespace {

SwinConfig read(const json& file) {
    REQUIRE(is_hub_config(file));
    return config_from_json(from_hub_config(file));
}

}  // namespace

TEST_CASE("timm's configuration is read: sizes from the name, the rest from beside it") {
    const SwinConfig tiny = read({{"architecture", "swinv2_tiny_window8_256"},
                                  {"num_classes", 11},
                                  {"num_features", 768},
                                  {"pretrained_cfg", {{"input_size", {3, 256, 256}}, {"tag", "ms_in1k"}}}});
    SwinConfig expected = named_config("tiny");
    expected.num_classes = 11;
    expected.padding_order = PaddingOrder::after_shift;
    REQUIRE(config_to_json(tiny) == config_to_json(expected));

    const SwinConfig base = read({{"architecture", "swinv2_base_window12to24_192to384.ms_in22k_ft_in1k"}});
    REQUIRE(base.embed_dim == 128);
    REQUIRE((base.img_size == Extent{384, 384} && base.window_size[3] == Extent{24, 24}));
    REQUIRE((base.pretrained_window_sizes[0] == Extent{12, 12} && base.pretrained_window_sizes[3] == Extent{6, 6}));

    const SwinConfig v1 =
        read({{"architecture", "swin_large_patch4_window7_224"}, {"model_args", {{"img_size", 112}}}});
    REQUIRE((v1.attention == AttentionKind::dot && v1.num_heads[3] == 48 && v1.img_size == Extent{112, 112}));
    const SwinConfig bare =
        read({{"architecture", "swinv2"}, {"model_args", {{"depths", {1, 1}}, {"num_heads", {3, 6}}}}});
    REQUIRE(bare.depths.size() == 2);
}

TEST_CASE("transformers' configuration is read") {
    const SwinConfig config = read({{"model_type", "swinv2"},
                                    {"image_size", 64},
                                    {"patch_size", 2},
                                    {"depths", {1, 2}},
                                    {"num_heads", {1, 2}},
                                    {"embed_dim", 8},
                                    {"window_size", 4},
                                    {"pretrained_window_sizes", {0, 0, 0, 0}},
                                    {"hidden_act", "gelu"},
                                    {"hidden_dropout_prob", 0.25},
                                    {"id2label", {{"0", "cat"}, {"1", "dog"}, {"2", "eel"}}},
                                    {"architectures", {"Swinv2ForImageClassification"}}});
    REQUIRE((config.img_size == Extent{64, 64} && config.window_size[1] == Extent{4, 4}));
    REQUIRE((config.num_classes == 3 && config.proj_drop_rate == 0.25 && config.attention == AttentionKind::cosine));
    REQUIRE(read({{"model_type", "swin"}}).attention == AttentionKind::dot);
}

TEST_CASE("a configuration of another network, or of what Swin has not here, is named") {
    const auto refused = [](const json& file) { return error_of([&] { from_hub_config(file); }); };
    REQUIRE(refused({{"model_type", "vit"}}) ==
            "[config] model_type of transformers must be swin or swinv2, got \"vit\"");
    REQUIRE(refused({{"model_type", "swinv2"}, {"hidden_act", "relu"}}) ==
            "[config] hidden_act can only be \"gelu\", got \"relu\"");
    for (const char* other : {"resnet50", "swinv2_cr_tiny_224", "swinv2_tiny", "swin_tiny_patch4_window7"})
        REQUIRE(
            contains(refused({{"architecture", other}}), fmt::format("architecture \"{}\" of timm is unknown", other)));
    for (const json& none : {json{{"embed_dim", 96}}, json{{"architecture", "swin"}}, json::array(), json(3)})
        REQUIRE_FALSE(is_hub_config(none));
}

TEST_CASE("every size of a model has a bound, which its refusal states") {
    const auto refused = [](const json& changes) { return error_of([&] { config_from_json(changes); }); };
    REQUIRE(refused({{"depths", {1, 999999999}}, {"num_heads", {3, 6}}}) ==
            "[config] depths must be 1 to 1000, got 999999999 in stage 1");
    REQUIRE(refused({{"embed_dim", 65537}}) == "[config] embed_dim must be 1 to 65536, got 65537");
    REQUIRE(refused({{"embed_dim", 49152}}) ==
            "[config] embed_dim 49152 gives stage 1 98304 channels, at most 65536 are possible");
    REQUIRE(refused({{"num_classes", 1000001}}) == "[config] num_classes must be 1 to 1000000, got 1000001");
    REQUIRE(refused({{"in_chans", 0}}) == "[config] in_chans must be 1 to 65536, got 0");
    REQUIRE(refused({{"img_size", 32768}}) == "[config] img_size must be 1 to 16384, got 32768 x 32768");
    REQUIRE(refused({{"window_size", 16385}}) == "[config] window_size must be 1 to 16384, got 16385 x 16385");
    REQUIRE(refused({{"pretrained_window_sizes", 16385}}) ==
            "[config] pretrained_window_sizes must be 0 to 16384, got 16385 x 16385");
    REQUIRE(refused({{"extra_norm_every", 1001}}) == "[config] extra_norm_every must be 0 to 1000, got 1001");
    REQUIRE(refused({{"depths", {1, 5000000000}}}) == "[config] depths must be 0 to 999999999, got 5000000000");
    REQUIRE(refused({{"norm", "caf\xe9"}}).find("got \"caf\\xe9\"") != std::string::npos);
}
