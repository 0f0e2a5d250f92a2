#include "core/io/json_file.h"
#include "models/nn/parameters.h"
#include "models/simmim/loss.h"
#include "models/simmim/masks.h"
#include "models/simmim/simmim_swin.h"
#include "tests/models/swin_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// tests/fixtures/make_simmim_fixture.py
const nlohmann::json& fixture() {
    static const nlohmann::json json = read_json_file(fixtures() / "simmim.json");
    return json;
}

// Of PyTorch's axes, [2, 3, 16, 16].
Tensor generated_pictures(int64_t k) { return permute(generated_tensor(k, {2, 3, 16, 16}, 0, 2), {0, 2, 3, 1}); }

Tensor generated_mask() {
    std::vector<uint8_t> values(32);
    for (size_t i = 0; i < values.size(); ++i) values[i] = generated(1002, static_cast<int64_t>(i)) > 0 ? 1 : 0;
    return Tensor::from({2, 4, 4}, values);
}

SwinConfig tiny() {
    SwinConfig config;
    config.img_size = {16, 16};
    config.patch_size = {2, 2};
    config.embed_dim = 4;
    config.depths = {1, 1};
    config.num_heads = {1, 2};
    config.window_size = {{4, 4}, {4, 4}};
    config.pretrained_window_sizes = {{0, 0}, {0, 0}};
    config.mlp_ratio = 2;
    return config;
}

int64_t ones_in(const Tensor& mask) {
    int64_t count = 0;
    for (const double value : mask.values()) count += value != 0;
    return count;
}

}  // namespace

TEST_CASE("SimMIM's loss, its gradient and its normalised targets are PyTorch's") {
    const Tensor images = generated_pictures(1000), reconstruction = generated_pictures(1001), mask = generated_mask();
    REQUIRE(ones_in(mask) == 15);
    for (const auto& one : fixture().at("cases")) {
        const auto window = one.at("window").get<int64_t>();
        INFO("window " << window);
        const Tensor target = window == 0 ? images : locally_normalised(images, window);
        const auto expected = one.at("target").get<std::vector<double>>();
        for (size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(target.values()[i] - expected[i]) < 1e-9);
        const auto loss = [&](const std::vector<Tensor>& x) { return masked_l1(x[0], with_mask(target, mask)); };
        CHECK(std::abs(loss({reconstruction}).values()[0] - one.at("loss").get<double>()) < 1e-12);
        const Tensor gradient = gradients_of(loss, {reconstruction}, Tensor::from<double>({}, std::vector{1.0}))[0];
        for (size_t b = 0; b < 2; ++b) {
            double sum = 0;
            for (size_t i = 0; i < 768; ++i) sum += gradient.values()[b * 768 + i];
            CHECK(std::abs(sum - one.at("gradient")[b].get<double>()) < 1e-12);
        }
    }
}

TEST_CASE("a mask as an image's last channel is the mask, for SimMIM's model and for its loss, on a device too") {
    SimMimSwin model(tiny());
    const Parameters there(model, DType::float64, Random{1, 0}, Device::cuda);
    const Tensor images = generated_pictures(1000), target = generated_pictures(1001);
    const Tensor mask = draw_masks(std::vector<int64_t>{0, 1}, {8, 8}, 2, 0.6, Random{2, 0});
    const Tensor joined = with_mask(images, mask), target_and_mask = with_mask(target, mask);
    const Tensor on_device = model.forward(joined.on(Device::cuda));
    CHECK(std::abs(masked_l1(on_device, target_and_mask.on(Device::cuda)).item() -
                   masked_l1(on_device.on_cpu(), target_and_mask).item()) < 1e-12);

    SimMimSwin here(tiny());
    const Parameters of_here(here, DType::float64, Random{1, 0});
    CHECK(same_bits(here.forward(joined), here.reconstruct(images, mask)));
    CHECK(error_of([&] { masked_l1(images, target); }) ==
          "[masked_l1] the target of [2, 16, 16, 3] must have one channel more, a mask, got [2, 16, 16, 3]");
}

TEST_CASE("targets and losses of SimMIM say what does not fit") {
    const Tensor images = generated_pictures(1000);
    CHECK(contains(error_of([&] { locally_normalised(images, 4); }), "odd and at least 3, got 4"));
    CHECK(contains(error_of([&] { with_mask(images, Tensor::zeros({2, 3, 4}, DType::uint8)); }), "[2, 3, 4]"));
    CHECK(contains(error_of([&] { draw_masks(std::vector<int64_t>{0}, {8, 8}, 3, 0.6, {}); }), "squares of 3 tokens"));
    CHECK(contains(error_of([&] { draw_masks(std::vector<int64_t>{0}, {8, 8}, 2, 1, {}); }), "below 1, got 1"));
    SwinConfig odd = tiny();
    odd.img_size = {18, 16};
    CHECK(contains(error_of([&] { SimMimSwin model(odd); }), "18 x 16"));
    SimMimSwin model(tiny());
    const Parameters parameters(model, DType::float64, Random{1, 0});
    const auto wrong = [&] { model.reconstruct(images, Tensor::zeros({2, 4, 4}, DType::uint8)); };
    CHECK(contains(error_of(wrong), "[2, 4, 4]"));
}

TEST_CASE("a mask is whole squares, of the paper's number, and belongs to an image and not to its place") {
    const Random random{5, 0};
    const std::vector<int64_t> samples{3, 11, 7}, others{7, 3};
    const Tensor masks = draw_masks(samples, {12, 12}, 2, 0.6, random);
    const Tensor again = draw_masks(others, {12, 12}, 2, 0.6, random);
    const auto of = [](const Tensor& all, int64_t number) {
        const uint8_t* first = all.data<uint8_t>() + number * 144;
        return std::vector<uint8_t>(first, first + 144);
    };
    for (int64_t b = 0; b < 3; ++b) {
        const std::vector<uint8_t> mask = of(masks, b);
        CHECK(std::count(mask.begin(), mask.end(), 1) == 22 * 4);  // of 36 squares
        for (size_t i = 0; i < 144; ++i) CHECK(mask[i] == mask[i / 24 * 24 + i % 12 / 2 * 2]);
    }
    CHECK(of(masks, 2) == of(again, 0));
    CHECK(of(masks, 0) == of(again, 1));
    CHECK(of(masks, 0) != of(masks, 1));
    CHECK(ones_in(draw_masks(std::vector<int64_t>{0}, {8, 8}, 1, 0.6, random)) == 39);
    CHECK(ones_in(draw_masks(std::vector<int64_t>{0}, {5, 6}, 1, 0.1, random)) == 3);
}

TEST_CASE("every square of a grid is masked as often as any other") {
    std::vector<int64_t> samples(4000);
    std::iota(samples.begin(), samples.end(), int64_t{0});
    const Tensor masks = draw_masks(samples, {4, 4}, 1, 0.6, Random{9, 0});
    std::array<int64_t, 16> times{};
    for (size_t i = 0; i < 64000; ++i) times[i % 16] += masks.data<uint8_t>()[i];
    for (const int64_t count : times) CHECK(std::abs(static_cast<double>(count) - 2500) < 5 * 31);  // 10 of 16
}

TEST_CASE("SimMIM's model has the gradient of its loss, and does not see what is masked") {
    SimMimSwin model(tiny());
    const Parameters parameters(model, DType::float64, Random{1, 0});
    // From what training starts with, q is so small and relu so often at 0 that differences say little.
    for (const auto& entry : parameters.entries())
        entry.value.copy_from(generated_parameter(entry.offset, entry.name, entry.shape));
    const Tensor images = generated_pictures(1000);
    const Tensor mask = draw_masks(std::vector<int64_t>{0, 1}, {8, 8}, 2, 0.6, Random{2, 0});
    const auto loss_of = [&](const Tensor& of) {
        return masked_l1(model.reconstruct(of, mask), with_mask(images, mask));
    };

    parameters.zero_grad();
    {
        Tape tape;
        tape.backward(loss_of(images));
    }
    for (const auto& entry : parameters.entries()) {
        INFO(entry.name);
        REQUIRE(entry.trained());
        double* value = entry.value.data<double>();
        for (int64_t i = 0; i < entry.shape.numel(); i += std::max<int64_t>(entry.shape.numel() / 3, 1)) {
            const double before = value[i], step = 1e-6;
            value[i] = before + step;
            const double above = loss_of(images).values()[0];
            value[i] = before - step;
            const double below = loss_of(images).values()[0];
            value[i] = before;
            CHECK(std::abs((above - below) / (2 * step) - parameters.gradients().data<double>()[entry.offset + i]) <
                  1e-6);
        }
    }

    std::vector<double> other = images.values();
    for (size_t i = 0; i < other.size(); ++i) {
        const size_t pixel = i / 3, b = pixel / 256, row = pixel % 256 / 16, column = pixel % 16;
        if (mask.data<uint8_t>()[b * 64 + row / 2 * 8 + column / 2] != 0) other[i] += 5;
    }
    const Tensor changed = Tensor::from(images.shape(), other);
    CHECK(same_bits(model.reconstruct(images, mask), model.reconstruct(changed, mask)));
    CHECK_FALSE(same_bits(model.forward(images), model.forward(changed)));
    CHECK(model.layer_of("mask_token") == 0);
    CHECK(model.layer_of("norm.weight") == 2);
    CHECK(model.layer_of("decoder.0.weight") == 3);
}
