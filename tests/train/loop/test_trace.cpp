// The command `swingrad trace`: from files to a file.
#include "tests/models/swin_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"

#include <fstream>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// A fixture as the files the command reads; the folder goes away with it.
struct Files {
    std::filesystem::path folder;
    TraceOptions options;

    explicit Files(const Fixture& fixture) {
        std::string pattern = (std::filesystem::temp_directory_path() / "swingrad_trace_XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        folder = pattern;
        options.weights = folder / "weights.safetensors";
        options.config = folder / "config.json";
        options.input = folder / "input.safetensors";
        options.output = folder / "output.safetensors";

        const GeneratedModel one(fixture.config, DType::float32, DType::float32, fixture.file.tensors, fixture.order);
        NamedTensors weights;
        for (const auto& entry : one.parameters.entries()) weights.emplace_back(entry.name, entry.value.detached());
        write_safetensors(options.weights, weights);
        write_config(fixture.file.metadata.at("config"));
        write_input(fixture.file.tensors.at("images"), fixture.file.tensors.at("labels"));
    }
    ~Files() { std::filesystem::remove_all(folder); }

    void write_config(const std::string& text) const { std::ofstream(options.config) << text; }
    void write_input(const Tensor& images, const Tensor& labels) const {
        write_safetensors(options.input, {{"images", images}, {"labels", labels}});
    }
    std::string error() const {
        return error_of([&] { trace(options); });
    }
};

}  // namespace

TEST_CASE("trace writes what timm computes, padding after the shift, in either precision") {
    const Fixture fixture("padded");
    Files files(fixture);
    for (const auto& [precision, dtype] : {std::pair("f32", DType::float32), std::pair("f64", DType::float64)}) {
        files.options.precision = precision;
        trace(files.options);
        const auto written = read_safetensors(files.options.output).tensors;
        for (const auto& [name, tensor] : written) {
            INFO(name);
            REQUIRE(tensor.dtype() == dtype);
        }
        REQUIRE(written.at("loss").shape() == Shape{});
        const Worst worst = compare(NamedTensors(written.begin(), written.end()), fixture.file.tensors);
        CHECK(worst.outputs.value < 1e-5);
        CHECK(worst.logits.value < 1e-5);
        CHECK(worst.gradients.value < (dtype == DType::float32 ? 1e-4 : 2e-6));
    }
}

TEST_CASE("trace takes the config of a run for a model's") {
    const Fixture fixture("plain");
    Files files(fixture);
    trace(files.options);
    const std::string expected = contents_of(files.options.output);
    const nlohmann::json model = config_to_json(read_model_config(files.options.config));
    files.write_config(nlohmann::json{{"lr", 1}, {"derived", {{"model", model}, {"classes", 5}}}}.dump());
    trace(files.options);
    REQUIRE(contents_of(files.options.output) == expected);
    files.write_config(R"({"derived": {"program": "own"}})");
    REQUIRE(files.error() == "[trace] " + files.options.config.string() + ": no \"model\" under \"derived\"");
}

TEST_CASE("trace says in one line which file holds what it cannot use") {
    const Fixture fixture("plain");
    Files files(fixture);
    const Tensor& images = fixture.file.tensors.at("images");
    const Tensor& labels = fixture.file.tensors.at("labels");
    const std::string config = files.options.config.string(), input = files.options.input.string();

    SECTION("a label that is not a class") {
        files.write_input(images, Tensor::from({2}, std::vector<int64_t>{0, 5}));
        REQUIRE(files.error() == "[trace] " + input + ": labels must be 0 to 4, got 5");
    }
    SECTION("as many labels as images") {
        files.write_input(images, Tensor::from({1}, std::vector<int64_t>{0}));
        REQUIRE(files.error() == "[trace] " + input + ": labels must be int64 [2], got int64 [1]");
    }
    SECTION("images of another size") {
        files.write_input(Tensor::zeros({2, 3, 16, 8}), labels);
        REQUIRE(files.error() ==
                "[trace] " + input + ": images must be float32 [B, 3, 16, 16], got float32 [2, 3, 16, 8]");
    }
    SECTION("images in double") {
        files.write_input(images.to(DType::float64), labels);
        REQUIRE(files.error() ==
                "[trace] " + input + ": images must be float32 [B, 3, 16, 16], got float64 [2, 3, 16, 16]");
    }
    SECTION("images with a bit flipped") {
        std::string bytes = contents_of(files.options.input);
        bytes.back() ^= 1;  // of a label
        std::ofstream(files.options.input) << bytes;
        REQUIRE(files.error().starts_with("[safetensors] " + input + ": damaged: "));
    }
    SECTION("no images") {
        write_safetensors(files.options.input, {{"labels", labels}});
        REQUIRE(files.error() == "[trace] " + input + ": expected a tensor \"images\", found none");
    }
    SECTION("no file of images") {
        std::filesystem::remove(files.options.input);
        REQUIRE(files.error().find(input) != std::string::npos);
    }
    SECTION("another architecture") {
        files.write_config(R"({"architecture": "swinv3", "num_classes": 5, "model_args": {}})");
        REQUIRE(files.error() == "[trace] " + config + ": architecture must be \"swinv2\" or \"swin\", got \"swinv3\"");
    }
    SECTION("an unknown key") {
        files.write_config(R"({"architecture": "swinv2", "classes": 5, "model_args": {}})");
        REQUIRE(files.error() ==
                "[trace] " + config + ": unknown key \"classes\", expected architecture, num_classes or model_args");
    }
    SECTION("an unknown argument of the model") {
        files.write_config(R"({"architecture": "swinv2", "num_classes": 5, "model_args": {"depht": [2]}})");
        REQUIRE(files.error().starts_with("[trace] " + config + ": "));
        REQUIRE(files.error().find("depht") != std::string::npos);
    }
    SECTION("a missing key") {
        files.write_config(R"({"architecture": "swinv2", "num_classes": 5})");
        REQUIRE(files.error() == "[trace] " + config + ": expected a key \"model_args\", found none");
    }
    SECTION("text that is not JSON") {
        files.write_config("{");
        REQUIRE(files.error() == "[json] " + config + " is not JSON: it ends too early, after 1 bytes");
    }
    SECTION("no configuration") {
        std::filesystem::remove(files.options.config);
        REQUIRE(files.error() == "[file] " + config + ": No such file or directory");
    }
    SECTION("weights of another model") {
        files.write_config(R"({"architecture": "swinv2", "num_classes": 7, "model_args": )" +
                           nlohmann::json::parse(fixture.file.metadata.at("config")).at("model_args").dump() + "}");
        REQUIRE(files.error().find(files.options.weights.string()) != std::string::npos);
        REQUIRE(files.error().find("head.fc") != std::string::npos);
    }
    SECTION("a precision there is none of") {
        files.options.precision = "f16";
        REQUIRE(files.error() == "[trace] precision must be f32 or f64, got f16");
    }
}

TEST_CASE("a trace of any model holds its batch, its modules in order, and every gradient") {
    struct Twice final : Module {  // one module that is called twice, and one whose name is that of a result
        Linear inner{2, 2, {.bias = false}}, output{2, 3};
        Dropout dropout{0.5};
        Twice() {
            declare("inner", inner);
            declare("dropout", dropout);
            declare("output", output);
        }
        Tensor forward(const Tensor& x) const override { return output(dropout(inner(inner(x)))); }
    };
    Twice model;
    const Parameters parameters(model, DType::float64, Random{3, 1});
    const Batch batch{random_tensor({4, 2}, Random{3, 2}), Tensor::from({4}, std::vector<int64_t>{0, 2, 1, 2})};
    model.train(Random{3, 3});  // which a trace ends
    const NamedTensors traced = trace_module(model, parameters, batch, classification_loss());
    std::vector<std::string> names;
    std::map<std::string, Tensor> by_name;
    for (const auto& [name, tensor] : traced) {
        names.push_back(name);
        by_name[name] = tensor;
    }
    REQUIRE(names == std::vector<std::string>{"inputs", "targets", "out.inner", "out.inner#2", "out.dropout",
                                              "out.output", "output", "loss", "grad.inner.weight", "grad.output.weight",
                                              "grad.output.bias", "grad_of_inputs"});
    const Tensor W = parameters.entries()[0].value, once = linear(batch.inputs, W, {});
    REQUIRE(largest_difference(by_name["out.inner"], once) < 1e-15);
    REQUIRE(largest_difference(by_name["out.inner#2"], linear(once, W, {})) < 1e-15);
    REQUIRE(same_bits(by_name["out.dropout"], by_name["out.inner#2"]));
    REQUIRE(same_bits(by_name["out.output"], by_name["output"]));
    REQUIRE(by_name["loss"].item() == Approx(cross_entropy(by_name["output"], batch.targets).item()));
    // dloss/db_k is the mean over the batch of softmax_k - [k = label].
    const Tensor probabilities = softmax(by_name["output"]);
    for (int64_t k = 0; k < 3; ++k) {
        double slope = 0;
        for (int64_t b = 0; b < 4; ++b)
            slope += (probabilities.data<double>()[3 * b + k] - (batch.targets.data<int64_t>()[b] == k)) / 4;
        REQUIRE(by_name["grad.output.bias"].data<double>()[k] == Approx(slope));
    }
    const auto loss_at = [&](const Tensor& x) { return classification_loss()(model(x), batch.targets).item(); };
    const Tensor above = batch.inputs.clone(), below = batch.inputs.clone();
    above.data<double>()[5] += 1e-6;
    below.data<double>()[5] -= 1e-6;
    REQUIRE(by_name["grad_of_inputs"].data<double>()[5] ==
            Approx((loss_at(above) - loss_at(below)) / 2e-6).epsilon(1e-6));
}

TEST_CASE("a batch to be traced needs inputs and targets of as many samples") {
    const TemporaryDirectory directory;
    const std::filesystem::path file = directory / "b.safetensors";
    const auto error_with = [&](const NamedTensors& tensors) {
        write_safetensors(file, tensors);
        return error_of([&] { read_traced_batch(file); });
    };
    const Tensor two = Tensor::zeros({2, 3}), labels = Tensor::zeros({2}, DType::int64);
    REQUIRE(error_with({{"inputs", two}, {"targets", labels}}) == "no error");
    REQUIRE(error_with({{"inputs", two}}) ==
            "[trace] " + file.string() + ": expected a tensor \"targets\", found none");
    REQUIRE(error_with({{"inputs", two}, {"targets", labels.slice(0, 1)}}) ==
            "[trace] " + file.string() +
                ": inputs and targets must be [B, ...] of the same B, got float32 [2, 3] and int64 [1]");
}
