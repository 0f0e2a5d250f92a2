// Swin V2 and V1 against timm, number by number: layers, logits, loss and every gradient.
#include "ops/ops.h"
#include "tests/models/swin_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

struct Tolerance {
    double logits, outputs, gradients;
};

void check_fixture(const std::string& name, DType dtype, Tolerance tolerance) {
    const Fixture fixture(name);
    GeneratedModel one(fixture.config, dtype, DType::float32, fixture.file.tensors, fixture.order);
    const auto trace =
        trace_model(one.model, one.parameters, fixture.file.tensors.at("images"),
                    [&](const Tensor& logits) { return cross_entropy(logits, fixture.file.tensors.at("labels")); });
    REQUIRE(one.parameters.without_gradient().empty());

    const Worst worst = compare(trace, fixture.file.tensors);
    INFO("float32 timm deviates by " << fixture.file.metadata.at("deviation_of_float32_timm"));
    INFO("worst output: " << worst.outputs.name << " " << worst.outputs.value);
    INFO("worst of logits and loss: " << worst.logits.name << " " << worst.logits.value);
    INFO("worst gradient: " << worst.gradients.name << " " << worst.gradients.value);
    CHECK(worst.outputs.value < tolerance.outputs);
    CHECK(worst.logits.value < tolerance.logits);
    CHECK(worst.gradients.value < tolerance.gradients);
}

SwinConfig one_stage(int64_t img_size, int64_t window, int64_t pretrained, PaddingOrder order) {
    SwinConfig config;
    config.img_size = {img_size, img_size};
    config.patch_size = {2, 2};
    config.num_classes = 4;
    config.embed_dim = 8;
    config.depths = {2};
    config.num_heads = {2};
    config.window_size = {{window, window}};
    config.pretrained_window_sizes = {{pretrained, pretrained}};
    config.padding_order = order;
    return config;
}

// Approx alone would allow a relative 1e-5 as well.
Approx near(double value, double margin) { return Approx(value).epsilon(0).margin(margin); }

double sum_of(const Tensor& tensor, double (*f)(double)) {
    const auto values = tensor.values();
    return std::accumulate(values.begin(), values.end(), 0.0, [&](double sum, double value) { return sum + f(value); });
}

}  // namespace

TEST_CASE("the hash that makes parameters gives the published numbers") {
    const double expected[] = {.2921721877, -.3399737421, -.2055989732, .3136992040, .2643663026};
    for (int64_t i = 0; i < 5; ++i) REQUIRE(generated(0, i) == near(expected[i], 1e-10));
    REQUIRE(generated(3, 0) == near(-.0786255703, 1e-10));
}

TEST_CASE("Swin V2 in double computes what timm computes") {
    for (const auto& name : fixture_names()) DYNAMIC_SECTION(name) {
            check_fixture(name, DType::float64, {2e-6, 2e-6, 2e-6});
        }
}

TEST_CASE("Swin V2 in float computes what timm computes") {
    for (const auto& name : fixture_names()) {
        // A scale of 100 on the cosines multiplies their rounding, and that of everything before them.
        const Tolerance tolerance = name == "clamped" ? Tolerance{1e-5, 5e-5, 2e-4} : Tolerance{1e-5, 1e-5, 1e-4};
        DYNAMIC_SECTION(name) { check_fixture(name, DType::float32, tolerance); }
    }
}

TEST_CASE("Swin V1 computes what timm computes") {
    for (const auto& name : v1_fixture_names()) DYNAMIC_SECTION(name) {
            check_fixture(name, DType::float64, {2e-6, 2e-6, 2e-6});
            check_fixture(name, DType::float32, {1e-5, 1e-5, 1e-4});
        }
}

// ---- numbers to be found here rather than in a file: the sum of a layer's output, of its absolute values, the
// ---- first three elements; the norm and the sum of a gradient, for the loss sum(logits^2)

TEST_CASE("two stages give, layer by layer, the numbers of timm") {
    SwinConfig config = one_stage(32, 4, 0, PaddingOrder::after_shift);
    config.num_classes = 10;
    config.depths = {1, 2};
    config.num_heads = {2, 4};
    config.window_size = {{4, 4}, {4, 4}};
    config.pretrained_window_sizes = {{0, 0}, {0, 0}};
    GeneratedModel one(config, DType::float64, DType::float64);
    REQUIRE(one.parameters.count() == 17996);
    const auto trace = trace_model(one.model, one.parameters, generated_images({2, 3, 32, 32}),
                                   [](const Tensor& logits) { return sum(multiply(logits, logits)); });
    const std::map<std::string, Tensor> found(trace.begin(), trace.end());

    const struct {
        const char* name;
        Shape shape;
        double sum, absolute_sum, first[3];
    } layers[] = {
        {"patch_embed", {2, 16, 16, 8}, -151.128259440, 3479.850505715, {-1.35077332, .50024718, -.8480201}},
        {"layers.0", {2, 16, 16, 8}, 318.761134502, 6248.693519697, {-2.63944071, 2.89842754, -1.1246361}},
        {"layers.1.downsample", {2, 8, 8, 16}, 121.890411243, 1731.009887744, {-.0594233, 1.25404582, -.90165}},
        {"layers.1.blocks.0", {2, 8, 8, 16}, 321.034230761, 2685.322859384, {-.86493068, -.10314323, -1.98916365}},
        {"layers.1.blocks.1", {2, 8, 8, 16}, 478.654573997, 3835.572604989, {.28000375, -1.45115923, -2.90206846}},
        {"norm", {2, 8, 8, 16}, -73.953095231, 1750.781322312, {-.04271611, -1.13408042, -1.6449642}},
    };
    for (const auto& layer : layers) {
        INFO(layer.name);
        const Tensor& output = found.at(layer.name);
        REQUIRE(output.shape() == layer.shape);
        for (size_t i = 0; i < 3; ++i) CHECK(output.values()[i] == near(layer.first[i], 1e-7));
        CHECK(sum_of(output, [](double x) { return x; }) == near(layer.sum, 1e-6));
        CHECK(sum_of(output, [](double x) { return std::abs(x); }) == near(layer.absolute_sum, 1e-6));
    }

    const double logits[] = {-.49831463, -.00837864, -.43972522, .30740268,  -.89015973, -.02941678, .00305516,
                             .68755652,  .38411767,  -.81406027, -.34679311, .08935059,  -.39384578, .175032,
                             -.81784797, .0769444,   .17704461,  .72675752,  .40405494,  -.5447845};
    for (size_t i = 0; i < 20; ++i) CHECK(found.at("logits").values()[i] == near(logits[i], 1e-7));
    CHECK(found.at("loss").item() == near(4.620843107, 1e-7));

    const struct {
        const char* name;
        double norm, sum;
    } gradients[] = {
        {"layers.0.blocks.0.attn.logit_scale", .13876404, -.18081619},
        {"layers.0.blocks.0.attn.cpb_mlp.0.weight", 1.16299372, -1.41905013},
        {"layers.0.blocks.0.attn.cpb_mlp.0.bias", .79659390, .17659795},
        {"layers.0.blocks.0.attn.qkv.weight", 8.66733842, 1.30273239},
        {"layers.1.downsample.reduction.weight", 22.23610327, 0},
        {"layers.1.blocks.1.attn.q_bias", .96169391, .03090671},
        {"layers.1.blocks.1.attn.logit_scale", .17816182, -.12738334},
        {"layers.1.blocks.1.mlp.fc1.weight", 7.45025910, 1.17767233},
        {"norm.bias", 4.68840994, 4.53472015},
        {"patch_embed.proj.weight", 7.21786493, 0},
    };
    for (const auto& gradient : gradients) {
        INFO(gradient.name);
        const Tensor& value = found.at(std::string("grad.") + gradient.name);
        CHECK(std::sqrt(sum_of(value, [](double x) { return x * x; })) == near(gradient.norm, 1e-6));
        CHECK(sum_of(value, [](double x) { return x; }) == near(gradient.sum, 1e-5));
    }
}

TEST_CASE(
    "padding before or after the shift, clipping and pretrained windows give the logits of timm and torchvision") {
    using enum PaddingOrder;
    const struct {
        const char* what;
        SwinConfig config;
        std::vector<double> logits;
    } cases[] = {
        {"map 11, window 4, padded after the shift",
         one_stage(22, 4, 0, after_shift),
         {-.10159232, .75494505, -.71506581, .24341614}},
        {"map 11, window 4, padded before the shift",
         one_stage(22, 4, 0, before_shift),
         {-.10607417, .74774748, -.71265565, .26017923}},
        {"map 4, window 8", one_stage(8, 8, 0, before_shift), {-.12510344, .7984066, -.87337134, .22779197}},
        {"map 8, window 4, pretrained 6",
         one_stage(16, 4, 6, before_shift),
         {-.06627722, .79270016, -.62261944, .20423609}},
        {"map 8, window 4, pretrained 0",
         one_stage(16, 4, 0, before_shift),
         {-.05828564, .78880369, -.60572778, .19965095}},
    };
    for (const auto& one : cases)
        for (const DType dtype : {DType::float64, DType::float32}) {
            INFO(one.what << " in " << name_of(dtype));
            GeneratedModel generated(one.config, dtype);
            const auto [rows, columns] = one.config.img_size;
            const Tensor images = generated_images({1, 3, rows, columns}).to(DType::float32).to(dtype);
            const auto logits = generated.model.forward(permute(images, {0, 2, 3, 1})).values();
            REQUIRE(logits.size() == 4);
            for (size_t k = 0; k < 4; ++k)
                CHECK(logits[k] == near(one.logits[k], dtype == DType::float64 ? 1e-7 : 1e-5));
        }
}
