#include "train/loop/trace.h"

#include "core/io/json_file.h"
#include "core/io/stored_tensors.h"
#include "models/swin/hub_config.h"
#include "ops/ops.h"
#include "train/loop/checkpoint.h"
#include "train/loop/device.h"

#include <map>

namespace swingrad {
namespace {

using nlohmann::json;

const StoredTensor& tensor_of(const StoredTensors& file, const std::filesystem::path& path, const char* name) {
    const auto found = file.tensors.find(name);
    check(found != file.tensors.end(), "[trace] {}: expected a tensor \"{}\", found none", path.string(), name);
    return found->second;
}

struct Images {
    Tensor images, labels;  // float32 [B, in_chans, H, W], int64 [B]
};

Images read_images(const std::filesystem::path& path, const SwinConfig& config) {
    const StoredTensors file = open_tensors(path);
    check_checksums(file);
    const StoredTensor &images = tensor_of(file, path, "images"), &labels = tensor_of(file, path, "labels");

    const Shape& shape = images.shape;
    const int64_t B = shape.rank() > 0 ? shape[0] : 0;
    const auto [rows, columns] = config.img_size;
    check(B > 0 && shape == Shape{B, config.in_chans, rows, columns} && images.dtype == DType::float32,
          "[trace] {}: images must be float32 [B, {}, {}, {}], got {}", path.string(), config.in_chans, rows, columns,
          images.text());
    check(labels.shape == Shape{B} && labels.dtype == DType::int64, "[trace] {}: labels must be int64 [{}], got {}",
          path.string(), B, labels.text());
    const Images batch{images.read(), labels.read()};
    for (const int64_t label : batch.labels.span<int64_t>())
        check(label >= 0 && label < config.num_classes, "[trace] {}: labels must be 0 to {}, got {}", path.string(),
              config.num_classes - 1, label);
    return batch;
}

SwinConfig config_of(const json& arguments, const std::filesystem::path& path, bool of_hub = false) {
    try {
        return config_from_json(of_hub ? from_hub_config(arguments) : arguments);
    } catch (const Error& error) {
        fail("[trace] {}: {}", path.string(), error.what());
    }
}

// What is traced beside what a forward pass itself reports.
struct Pass {
    const char *input_name, *output_name, *input_gradient_name;
    Tensor input;  // floats have a gradient
    std::function<Tensor(const Tensor& input)> forward;
    std::function<Tensor(const Tensor& output)> loss;
};

void trace_pass(const Pass& pass, const Parameters& parameters, NamedTensors& results) {
    Tensor leaf = pass.input.detached();  // of its own, so that its gradient comes back in the layout of the input
    if (is_float(leaf.dtype())) require_gradient(leaf, pass.input_name);
    parameters.zero_grad();
    Tape tape;
    const Tensor output = pass.forward(leaf), value = pass.loss(output);
    tape.backward(value);

    results.emplace_back(pass.output_name, output.detached());
    results.emplace_back("loss", value.detached());
    const auto add_gradient = [&](const std::string& name, const Tensor& of) {
        const Tensor arrived = gradient(of);
        results.emplace_back(name, arrived.defined() ? arrived : of.zeros_like(of.shape()));
    };
    for (const auto& entry : parameters.entries())
        if (entry.trained()) add_gradient("grad." + entry.name, entry.leaf);
    if (is_float(leaf.dtype())) add_gradient(pass.input_gradient_name, leaf);
}

}  // namespace

NamedTensors trace_model(const SwinV2& model, const Parameters& parameters, const Tensor& images,
                         const std::function<Tensor(const Tensor&)>& loss) {
    NamedTensors results;
    ForwardOptions options;
    options.training = false;
    options.observe = [&](std::string_view name, const Tensor& value) { results.emplace_back(name, value.detached()); };
    const auto forward = [&](const Tensor& input) { return model.forward(permute(input, {0, 2, 3, 1}), options); };
    trace_pass({"images", "logits", "grad.images", model.as_input(images), forward, loss}, parameters, results);
    return results;
}

NamedTensors trace_module(Module& model, const Parameters& parameters, const Batch& batch, const Loss& loss) {
    const Tensor inputs = parameters.as_input(batch.inputs), targets = parameters.as_input(batch.targets);
    NamedTensors results{{"inputs", inputs}, {"targets", targets}};
    std::map<std::string, int64_t> times;
    const auto forward = [&](const Tensor& input) {
        const ModuleObserver observer([&](const std::string& name, const Tensor& output) {
            const int64_t time = ++times[name];
            results.emplace_back(fmt::format("out.{}{}", name, time > 1 ? fmt::format("#{}", time) : ""),
                                 output.detached());
        });
        return model.forward(input);
    };
    model.eval();
    trace_pass({"inputs", "output", "grad_of_inputs", inputs, forward,
                [&](const Tensor& output) { return loss(output, targets); }},
               parameters, results);
    return results;
}

Batch read_traced_batch(const std::filesystem::path& path) {
    const StoredTensors file = open_tensors(path);
    check_checksums(file);
    const StoredTensor &inputs = tensor_of(file, path, "inputs"), &targets = tensor_of(file, path, "targets");
    const int64_t B = inputs.shape.rank() > 0 ? inputs.shape[0] : 0;
    check(B > 0 && targets.shape.rank() > 0 && targets.shape[0] == B,
          "[trace] {}: inputs and targets must be [B, ...] of the same B, got {} and {}", path.string(), inputs.text(),
          targets.text());
    return {inputs.read(), targets.read()};
}

SwinConfig read_model_config(const std::filesystem::path& path) {
    const json file = read_json_file(path);
    check(file.is_object(), "[trace] {}: expected an object, got {}", path.string(), file.type_name());
    if (file.contains("derived")) {  // a run's
        const json& derived = file["derived"];
        check(derived.is_object() && derived.contains("model"), "[trace] {}: no \"model\" under \"derived\"",
              path.string());
        return config_of(derived["model"], path);
    }
    if (file.contains("model_type") || (file.contains("architecture") && file.contains("pretrained_cfg")))
        return config_of(file, path, true);  // as transformers or timm keeps it
    for (const auto& [key, value] : file.items())
        check(key == "architecture" || key == "num_classes" || key == "model_args",
              "[trace] {}: unknown key \"{}\", expected architecture, num_classes or model_args", path.string(), key);
    for (const char* key : {"architecture", "num_classes", "model_args"})
        check(file.contains(key), "[trace] {}: expected a key \"{}\", found none", path.string(), key);
    check(file["architecture"] == "swinv2" || file["architecture"] == "swin",
          "[trace] {}: architecture must be \"swinv2\" or \"swin\", got {}", path.string(),
          json_text(file["architecture"]));
    json arguments = file["model_args"];
    check(arguments.is_object(), "[trace] {}: model_args must be an object, got {}", path.string(),
          json_text(arguments));
    check(!arguments.contains("num_classes") || arguments["num_classes"] == file["num_classes"],
          "[trace] {}: num_classes is {}, but {} in model_args", path.string(), json_text(file["num_classes"]),
          json_text(arguments.value("num_classes", json())));
    arguments["num_classes"] = file["num_classes"];
    arguments["architecture"] = file["architecture"];
    // timm pads after the shift; a file that says otherwise means it.
    if (!arguments.contains("padding_order")) arguments["padding_order"] = "after-shift";
    return config_of(arguments, path);
}

void trace(const TraceOptions& options) {
    check(options.precision == "f32" || options.precision == "f64", "[trace] precision must be f32 or f64, got {}",
          options.precision);

    const SwinConfig config = read_model_config(options.config);
    const Images batch = read_images(options.input, config);
    SwinV2 model(config);
    const Parameters parameters(model, options.precision == "f32" ? DType::float32 : DType::float64, Random{},
                                choose_device(options.device));
    load_weights(options.weights, parameters);
    const Tensor labels = batch.labels.on(parameters.device());
    NamedTensors results = trace_model(model, parameters, batch.images,
                                       [&](const Tensor& logits) { return cross_entropy(logits, labels); });
    for (auto& [name, tensor] : results) tensor = tensor.on_cpu();
    write_safetensors(options.output, results);
}

}  // namespace swingrad
