// Folders as timm and transformers write them: read, and written back, with the same logits.
#include "train/transfer/hub_folder.h"

#include "core/io/json_file.h"
#include "core/io/safetensors.h"
#include "ops/ops.h"
#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/loop/checkpoint.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

struct Loaded {
    SwinV2 model;
    Parameters parameters;
    explicit Loaded(const SwinConfig& config) : model(config), parameters(model, DType::float32, Random{}) {}
};

// No two parameters alike, gains and scales around 1.
void randomise(const Parameters& parameters) {
    for (const auto& entry : parameters.entries()) {
        const bool gain = entry.name.find("norm") != std::string::npos && entry.name.ends_with("weight");
        const Random random{11, static_cast<uint64_t>(entry.offset)};
        entry.value.copy_from(random_tensor(entry.shape, random, 0.3, gain ? 1 : 0).to(DType::float32));
    }
}

Tensor images_for(const SwinConfig& config) {
    return random_tensor({2, config.img_size.rows, config.img_size.columns, config.in_chans}, Random{4, 4})
        .to(DType::float32);
}

Tensor logits_in(const fs::path& folder, const Tensor& images) {
    Loaded loaded(read_hub_folder(folder).model);
    load_weights(folder / "model.safetensors", loaded.parameters);
    return loaded.model.forward(images);
}

double largest(const Tensor& x) {
    double most = 0;
    for (const double value : x.values()) most = std::max(most, std::abs(value));
    return most;
}

// Written for the hub and read back, the model puts out the same.
void require_round_trip(Hub hub, const SwinConfig& config) {
    const TemporaryDirectory directory;
    const Loaded source(config);
    randomise(source.parameters);
    const ModelCard card{config};
    REQUIRE(write_hub_folder(directory / "out", hub, card, source.parameters).empty());
    const Tensor images = images_for(config), expected = source.model.forward(images);
    REQUIRE(largest_difference(logits_in(directory / "out", images), expected) <= 1e-6 * largest(expected));
    REQUIRE(directory.entries() == 1);  // nothing is left beside it
    const ModelCard read = read_hub_folder(directory / "out");
    REQUIRE(read.model.drop_path_rate == config.drop_path_rate);
    REQUIRE(read.model.proj_drop_rate == config.proj_drop_rate);
}

SwinConfig square() {
    SwinConfig config = small_swin();
    config.img_size = {16, 16};
    config.pretrained_window_sizes = {{6, 6}, {3, 3}};
    config.proj_drop_rate = 0.25;
    config.drop_path_rate = 0.5;
    return config;
}

std::string refused(Hub hub, const SwinConfig& config) {
    const TemporaryDirectory directory;
    const Loaded model(config);
    std::string message = error_of([&] { write_hub_folder(directory / "out", hub, {config}, model.parameters); });
    REQUIRE(directory.entries() == 0);
    return message;
}

}  // namespace

TEST_CASE("folders that timm and transformers wrote are read, with their logits and all they know") {
    for (const char* name : {"timm_v2", "timm_v1", "transformers_v2", "transformers_v1"}) {
        INFO(name);
        const fs::path folder = fs::path(source_directory()) / "tests/fixtures/hub" / name;
        REQUIRE(is_hub_folder(folder));
        const auto expected = read_safetensors(folder / "expected.safetensors").tensors;
        const Tensor images = permute(expected.at("images"), {0, 2, 3, 1}), logits = expected.at("logits");
        REQUIRE(largest_difference(logits_in(folder, images), logits) <= 1e-5 * largest(logits));

        const ModelCard card = read_hub_folder(folder);
        REQUIRE(card.classes == std::vector<std::string>{"ape", "bee", "cat", "dog", "eel"});
        REQUIRE((card.normalisation->mean == std::array{0.5f, 0.25f, 0.375f}));
        REQUIRE((card.normalisation->deviation == std::array{0.25f, 0.5f, 0.125f}));
        REQUIRE(card.fitting->interpolation == Interpolation::bilinear);
        REQUIRE(card.fitting->mode == CropMode::center);
        const auto rows = static_cast<double>(card.model.img_size.rows);
        REQUIRE(std::floor(rows / card.fitting->crop_share) == std::floor(rows / 0.8));

        // Written back as the same library keeps it, all of that is there again.
        const TemporaryDirectory directory;
        Loaded loaded(card.model);
        load_weights(folder / "model.safetensors", loaded.parameters);
        const Hub hub = std::string(name).starts_with("timm") ? Hub::timm : Hub::transformers;
        REQUIRE(write_hub_folder(directory / "again", hub, card, loaded.parameters).empty());
        REQUIRE(largest_difference(logits_in(directory / "again", images), logits) <= 1e-5 * largest(logits));
        const ModelCard again = read_hub_folder(directory / "again");
        REQUIRE(again.classes == card.classes);
        REQUIRE(again.normalisation->mean == card.normalisation->mean);
        REQUIRE(again.normalisation->deviation == card.normalisation->deviation);
        REQUIRE(again.fitting->interpolation == card.fitting->interpolation);
        REQUIRE(std::floor(rows / again.fitting->crop_share) == std::floor(rows / 0.8));
    }
}

TEST_CASE("every switch that timm knows survives the way there and back") {
    std::vector<SwinConfig> all(9, square());
    all[1].img_size = {16, 24};
    all[2].window_size = {{4, 2}, {2, 4}};
    all[3].qkv_bias = false;
    all[4].mlp_ratio = 3;
    all[5].in_chans = 1;
    all[6] = small_swin();  // padded
    all[6].padding_order = PaddingOrder::after_shift;
    all[7].depths = {1, 1, 1, 1};
    all[7].num_heads = {1, 2, 2, 4};
    all[7].window_size = all[7].pretrained_window_sizes = {{2, 2}, {2, 2}, {2, 2}, {2, 2}};
    all[8].patch_size = {4, 2};
    for (SwinConfig config : all) {
        require_round_trip(Hub::timm, config);
        use_v1_switches(config);
        require_round_trip(Hub::timm, config);
    }
}

TEST_CASE("every switch that transformers knows survives the way there and back") {
    std::vector<SwinConfig> all(6, square());
    all[1].qkv_bias = false;
    all[2].mlp_ratio = 3;
    all[3].img_size = {22, 22};  // maps of 11 and 6, padded before the shift
    all[4].in_chans = 1;
    all[5].img_size = {16, 32};
    all[5].window_size = {{2, 2}, {2, 2}};
    for (SwinConfig config : all) {
        require_round_trip(Hub::transformers, config);
        use_v1_switches(config);
        require_round_trip(Hub::transformers, config);
    }
    SwinConfig clipped = square();
    clipped.window_size = {{8, 8}, {8, 8}};
    require_round_trip(Hub::transformers, clipped);
}

TEST_CASE("a model that a library has not is refused by its switch, and nothing is written") {
    SwinConfig config = square();
    config.norm = NormPlacement::sandwich;
    REQUIRE(refused(Hub::timm, config) == "[hub] norm \"sandwich\": a Swin V2 of timm has \"res-post\" alone");
    config = square();
    use_v1_switches(config);
    config.position_bias = PositionBias::none;
    REQUIRE(refused(Hub::transformers, config) ==
            "[hub] position_bias \"none\": a Swin V1 of transformers has \"table\" alone");
    config = square();
    config.cpb_formula = CpbFormula::paper;
    REQUIRE(contains(refused(Hub::timm, config), "cpb_formula \"paper\""));
    config = square();
    config.extra_norm_every = 2;
    REQUIRE(contains(refused(Hub::timm, config), "extra_norm_every 2"));

    config = small_swin();  // maps of 7 x 6 in windows of 4, padded before the shift
    REQUIRE(
        refused(Hub::timm, config) ==
        "[hub] padding_order \"before-shift\" is not that of timm, and matters to maps of 7 x 6 in windows of 4 x 4 "
        "(stage 0)");
    config = square();
    config.img_size = {22, 22};
    config.padding_order = PaddingOrder::after_shift;
    REQUIRE(contains(refused(Hub::transformers, config), "padding_order \"after-shift\" is not that of transformers"));
    config = square();
    config.window_size = {{4, 2}, {4, 2}};
    REQUIRE(contains(refused(Hub::transformers, config), "transformers has one square window for all stages"));
    config = square();
    config.img_size = {16, 24};  // 8 x 12, and 4 x 6 in windows of 4
    config.depths = {2, 2};
    REQUIRE(contains(refused(Hub::transformers, config), "transformers cuts and shifts them otherwise"));
    config = square();
    config.window_size = {{8, 8}, {8, 8}};
    use_v1_switches(config);
    REQUIRE(refused(Hub::transformers, config) ==
            "[hub] maps of 4 x 4 in windows of 8 x 8 (stage 1): transformers cuts and shifts them otherwise");
}

TEST_CASE("a folder with something in it is not written to, an empty one is") {
    const TemporaryDirectory directory;
    const Loaded model(square());
    write_file_plainly(directory / "full/notes.txt", "mine");
    REQUIRE(contains(error_of([&] { write_hub_folder(directory / "full", Hub::timm, {square()}, model.parameters); }),
                     "full is there already: remove it, or choose another"));
    REQUIRE(contents_of(directory / "full/notes.txt") == "mine");
    fs::create_directory(directory / "empty");
    write_hub_folder(directory / "empty/", Hub::timm, {square()}, model.parameters);
    REQUIRE(is_hub_folder(directory / "empty"));
    REQUIRE(directory.entries() == 2);
}

TEST_CASE("what a library does not know of images is said") {
    const TemporaryDirectory directory;
    ModelCard card{square(), Normalisation{{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}}, Fitting{}};
    card.fitting->mode = CropMode::border;
    card.model.drop_rate = 0.125;
    const Loaded model(card.model);
    REQUIRE(write_hub_folder(directory / "a", Hub::transformers, card, model.parameters) ==
            std::vector<std::string>{"crop-mode border of images of 16 x 16: transformers will squash them",
                                     "drop_rate 0.125: transformers has no dropout before the classifier"});
    REQUIRE(read_hub_folder(directory / "a").fitting->mode == CropMode::squash);
    REQUIRE(write_hub_folder(directory / "b", Hub::timm, card, model.parameters).empty());
    REQUIRE(read_hub_folder(directory / "b").fitting->mode == CropMode::border);
    card.classes = {"a", "b", "\xff"};
    REQUIRE(contains(error_of([&] { write_hub_folder(directory / "c", Hub::timm, card, model.parameters); }),
                     "is not UTF-8"));
    REQUIRE(directory.entries() == 2);
}

TEST_CASE("transformers' processors say how images are brought to a model") {
    const TemporaryDirectory directory;
    const Loaded model(square());
    write_hub_folder(directory / "m", Hub::transformers, {square()}, model.parameters);
    const auto read_with = [&](const json& processor) {
        write_file_plainly(directory / "m/preprocessor_config.json", processor.dump());
        return read_hub_folder(directory / "m");
    };
    const ModelCard squashed = read_with({{"size", {{"height", 16}, {"width", 16}}}, {"resample", 3}});
    REQUIRE((squashed.fitting->mode == CropMode::squash && squashed.fitting->crop_share == 1));
    REQUIRE((squashed.fitting->interpolation == Interpolation::bicubic && !squashed.normalisation));
    const ModelCard cut = read_with({{"size", {{"shortest_edge", 20}}},
                                     {"crop_size", {{"height", 16}, {"width", 16}}},
                                     {"do_center_crop", true},
                                     {"do_normalize", false}});
    REQUIRE((cut.fitting->mode == CropMode::center && cut.fitting->interpolation == Interpolation::bilinear));
    REQUIRE(std::floor(16 / cut.fitting->crop_share) == 20);
    REQUIRE((cut.normalisation->mean[0] == 0 && cut.normalisation->deviation[2] == 1));
    const ModelCard by_share = read_with({{"size", {{"shortest_edge", 224}}}, {"crop_pct", 0.875}});
    REQUIRE((by_share.fitting->mode == CropMode::center && by_share.fitting->crop_share == 0.875));
    REQUIRE(read_with({{"size", {{"shortest_edge", 384}}}, {"crop_pct", 1.0}}).fitting->mode == CropMode::squash);

    const auto wrong = [&](const json& processor) { return error_of([&] { read_with(processor); }); };
    REQUIRE(contains(wrong({{"resample", 1}}), "preprocessor_config.json: resample can only be 2 (bilinear) or 3"));
    REQUIRE(contains(wrong({{"rescale_factor", 1}}), "do_rescale can only be by 1 / 255, got 1"));
    REQUIRE(
        contains(wrong({{"image_mean", {0.5, 0.5, 2}}, {"image_std", {0.5, 0.5, 0.5}}}), "image_mean must be 0 to 1"));
    REQUIRE(contains(wrong({{"do_normalize", "yes"}}), "a setting is of another kind"));
    REQUIRE(contains(wrong(json::array()), "expected an object"));
}

TEST_CASE("a hub's configuration that cannot be is said with the name of its file") {
    const TemporaryDirectory directory;
    const auto wrong = [&](const json& file) {
        write_file_plainly(directory / "config.json", file.dump());
        return error_of([&] { read_hub_folder(directory.path()); });
    };
    const json timm{{"architecture", "swinv2_tiny_window8_256"}};
    REQUIRE(contains(wrong({{"model_type", "vit"}}), "config.json: [config] model_type of transformers must be swin"));
    json file = timm;
    file["pretrained_cfg"] = {{"interpolation", "lanczos"}};
    REQUIRE(contains(wrong(file), "lanczos"));
    file["pretrained_cfg"] = {{"crop_pct", 0}};
    REQUIRE(contains(wrong(file), "crop_pct must be in (0, 1], got 0"));
    file["pretrained_cfg"] = {{"crop_pct", "all"}};
    REQUIRE(contains(wrong(file), "a setting is of another kind"));
    file["pretrained_cfg"] = 3;
    REQUIRE(contains(wrong(file), "pretrained_cfg must be an object, got 3"));
    REQUIRE(contains(wrong({{"embed_dim", 3}}), "no configuration of timm or transformers"));
    // Odd maps: transformers rounds down, and takes another window for it.
    REQUIRE(contains(wrong({{"model_type", "swinv2"},
                            {"image_size", 14},
                            {"patch_size", 2},
                            {"window_size", 4},
                            {"embed_dim", 8},
                            {"depths", {1, 1}},
                            {"num_heads", {1, 1}}}),
                     "transformers cuts and shifts them otherwise"));
}
