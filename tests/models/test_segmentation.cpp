#include "core/io/json_file.h"
#include "models/nn/parameters.h"
#include "models/segmentation/segmentation_swin.h"
#include "tests/models/small_swin.h"
#include "tests/models/swin_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/loop/loss.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// tests/fixtures/make_segmentation_fixture.py
const nlohmann::json& fixture() {
    static const nlohmann::json json = read_json_file(fixtures() / "segmentation.json");
    return json;
}

std::vector<Tensor> generated_maps() {
    std::vector<Tensor> maps;
    const auto channels = fixture()["channels"].get<std::vector<int64_t>>();
    for (size_t i = 0; i < channels.size(); ++i) {
        const auto extent = fixture()["extents"][i].get<std::vector<int64_t>>();
        maps.push_back(generated_tensor(1000 + static_cast<int64_t>(i),
                                        {fixture()["batch"].get<int64_t>(), extent[0], extent[1], channels[i]}, 0, 2));
    }
    return maps;
}

// Every fifth pixel is to be ignored.
Tensor some_classes(const Shape& shape, int64_t K) {
    std::vector<int64_t> classes(static_cast<size_t>(shape.numel()));
    for (size_t i = 0; i < classes.size(); ++i) classes[i] = i % 5 == 0 ? ignored_class : static_cast<int64_t>(i) % K;
    return Tensor::from(shape, classes);
}

double sum_of_sizes(const Tensor& tensor) {
    double sum = 0;
    for (const double value : tensor.values()) sum += std::abs(value);
    return sum;
}

void require_pytorchs(DecodeHead& head, const nlohmann::json& expected) {
    const Parameters parameters(head, DType::float64, Random{});
    const auto names = expected["names"].get<std::vector<std::string>>();
    REQUIRE(parameters.entries().size() == names.size());
    for (const auto& entry : parameters.entries()) {
        INFO(entry.name);
        const auto at = std::find(names.begin(), names.end(), entry.name);
        REQUIRE(at != names.end());
        entry.value.copy_from(
            generated_tensor(at - names.begin(), entry.shape, entry.name.ends_with("bn.weight") ? 1 : 0, 0.5));
    }
    parameters.zero_grad();
    head.train(Random{});
    std::vector<Tensor> maps = generated_maps();
    for (Tensor& map : maps) require_gradient(map);
    Tape tape;
    const Tensor logits = resize(head.forward(maps), {14, 12}, Resize::bilinear);
    const int64_t K = logits.shape()[-1];
    const Tensor loss = pixel_loss()(logits, some_classes({logits.shape()[0], 14, 12}, K));
    REQUIRE(loss.item() == Approx(expected["loss"].get<double>()).epsilon(1e-12));
    const auto rows = expected["logits"].get<std::vector<double>>();
    const std::vector<double> ours = logits.values();
    for (size_t i = 0; i < rows.size(); ++i) REQUIRE(ours[i] == Approx(rows[i]).margin(1e-12));
    tape.backward(loss);
    for (const auto& entry : parameters.entries()) {
        INFO(entry.name);
        REQUIRE(sum_of_sizes(gradient(entry.leaf)) ==
                Approx(expected["gradients"][entry.name].get<double>()).epsilon(1e-10).margin(1e-14));
    }
    const auto of_map = expected["gradient_of_last_map"].get<std::vector<double>>();
    const std::vector<double> dmap = gradient(maps.back()).values();
    REQUIRE(dmap.size() == of_map.size());
    for (size_t i = 0; i < of_map.size(); ++i) REQUIRE(dmap[i] == Approx(of_map[i]).margin(1e-12));
}

SwinConfig small_config() {
    SwinConfig config = named_config("nano");
    config.img_size = {16, 16};
    config.embed_dim = 8;
    config.depths = {1, 2};
    config.num_heads = {1, 2};
    config.window_size = {{4, 4}, {4, 4}};
    config.pretrained_window_sizes = {{0, 0}, {0, 0}};
    config.num_classes = 5;
    return config;
}

}  // namespace

TEST_CASE("heads of segmentation compute what PyTorch does, under mmsegmentation's names") {
    const auto channels = fixture()["channels"].get<std::vector<int64_t>>();
    const auto width = fixture()["width"].get<int64_t>(), classes = fixture()["classes"].get<int64_t>();
    SumHead sum(channels, width, classes);
    require_pytorchs(sum, fixture()["sum"]);
    UperHead uper(channels, width, classes);
    require_pytorchs(uper, fixture()["uper"]);
}

TEST_CASE("a Swin for segmentation says a class of each pixel, and all of it learns") {
    for (const SegmentationHead head : {SegmentationHead::sum, SegmentationHead::uper})
        for (const Device device : {Device::cpu, Device::cuda}) {
            SegmentationSwin model(small_config(), {head, 6});
            const Parameters parameters(model, DType::float32, Random{3}, device);
            parameters.zero_grad();
            model.train(Random{1});
            const Tensor images = random_tensor({2, 16, 16, 3}, Random{2}).to(DType::float32).on(device);
            Tape tape;
            const Tensor logits = model.forward(images);
            REQUIRE(logits.shape() == Shape{2, 16, 16, 5});
            tape.backward(pixel_loss(0.1)(logits, some_classes({2, 16, 16}, 5).on(device)));
            REQUIRE(parameters.without_gradient().empty());
        }
}

TEST_CASE("a Swin for segmentation has a classifier's names below its head, and its layers") {
    SwinV2 classifier(small_config());
    SegmentationSwin model(small_config(), {});
    std::vector<std::string> names;
    for (const auto& [name, parameter] : model.parameters()) names.push_back(name);
    for (const auto& [name, parameter] : classifier.parameters())
        REQUIRE((std::find(names.begin(), names.end(), name) != names.end()) ==
                !(name.starts_with("norm.") || name.starts_with("head.")));
    REQUIRE(model.layer_of("patch_embed.proj.weight") == 0);
    REQUIRE(model.layer_of("layers.1.blocks.0.norm1.weight") == 2);
    REQUIRE(model.layer_of("norm0.weight") == 1);
    REQUIRE(model.layer_of("norm1.bias") == 3);
    REQUIRE(model.layer_of("decode_head.conv_seg.weight") == 4);
}
