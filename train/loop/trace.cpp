#include "train/loop/trace.h"

#include "core/io/json_file.h"
#include "core/io/safetensors.h"
#include "ops/ops.h"
#include "train/loop/checkpoint.h"
#include "train/loop/device.h"

namespace swingrad {
namespace {

using nlohmann::json;

const StoredTensor& tensor_of(const StoredTensors& file, const std::filesystem::path& path, const std::string& name) {
    const auto found = file.tensors.find(name);
    check(found != file.tensors.end(), "[trace] {}: expected a tensor \"{}\", found none", path.string(), name);
    return found->second;
}

struct Batch {
    Tensor images, labels;  // float32 [B, in_chans, H, W], int64 [B]
};

Batch read_batch(const std::filesystem::path& path, const SwinConfig& config) {
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
    const Batch batch{images.read(), labels.read()};
    for (const int64_t label : batch.labels.span<int64_t>())
        check(label >= 0 && label < config.num_classes, "[trace] {}: labels must be 0 to {}, got {}", path.string(),
              config.num_classes - 1, label);
    return batch;
}

SwinConfig config_of(const json& arguments, const std::filesystem::path& path) {
    try {
        return config_from_json(arguments);
    } catch (const Error& error) {
        fail("[trace] {}: {}", path.string(), error.what());
    }
}

}  // namespace

NamedTensors trace_model(const SwinV2& model, const Parameters& parameters, const Tensor& images,
                         const std::function<Tensor(const Tensor&)>& loss) {
    NamedTensors results;
    ForwardOptions options;
    options.training = false;
    options.observe = [&](std::string_view name, const Tensor& value) { results.emplace_back(name, value.detached()); };

    // A leaf of its own in the layout of the file, so that its gradient comes back in that layout.
    Tensor leaf = model.as_input(images).detached();
    require_gradient(leaf, "images");
    parameters.zero_grad();
    Tape tape;
    const Tensor logits = model.forward(permute(leaf, {0, 2, 3, 1}), options);
    const Tensor value = loss(logits);
    tape.backward(value);

    results.emplace_back("logits", logits.detached());
    results.emplace_back("loss", value.detached());
    const auto add_gradient = [&](const std::string& name, const Tensor& of) {
        const Tensor arrived = gradient(of);
        results.emplace_back("grad." + name, arrived.defined() ? arrived : of.zeros_like(of.shape()));
    };
    for (const auto& entry : parameters.entries()) add_gradient(entry.name, entry.leaf);
    add_gradient("images", leaf);
    return results;
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
    const Batch batch = read_batch(options.input, config);
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
