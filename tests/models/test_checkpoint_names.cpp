// Weights with the names of Microsoft's, torchvision's and Hugging Face's Swin, loaded into models named as timm's.
#include "core/io/safetensors.h"
#include "models/swin/checkpoint_names.h"
#include "models/swin/swin_v2.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/loop/checkpoint.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Tensors = std::map<std::string, Tensor>;

struct Model {
    SwinV2 model;
    Parameters parameters;

    explicit Model(const SwinConfig& config, uint64_t seed)
        : model(config), parameters(model, DType::float32, Random{seed, 0}) {
        // No two parameters alike, also those that start as constants.
        for (const auto& entry : parameters.entries())
            entry.value.copy_from(
                random_tensor(entry.shape, Random{seed, static_cast<uint64_t>(entry.offset)}).to(DType::float32));
    }
    Tensor value(const std::string& name) const {
        for (const auto& entry : parameters.entries())
            if (entry.name == name) return entry.value.detached();
        fail("no parameter {}", name);
    }
    std::vector<double> values() const { return parameters.values().values(); }
};

SwinConfig small(bool v1) {
    SwinConfig config;
    config.img_size = {8, 8};
    config.patch_size = {1, 1};
    config.num_classes = 3;
    config.embed_dim = 4;
    config.depths = {1, 2};
    config.num_heads = {1, 2};
    config.window_size = {{4, 4}, {4, 4}};
    config.pretrained_window_sizes = {{0, 0}, {0, 0}};
    if (v1) use_v1_switches(config);
    return config;
}

// Stages, blocks and their norms, spelt out: {timm's prefix, another's}.
using Places = std::vector<std::pair<std::string, std::string>>;

// Copies with names from `places`: the first of timm's prefixes that fits is replaced.
Tensors with_prefixes(const Model& model, const Places& places) {
    Tensors result;
    for (const auto& entry : model.parameters.entries()) {
        std::string name = entry.name;
        for (const auto& [timm, other] : places)
            if (name.starts_with(timm)) {
                name.replace(0, timm.size(), other);
                break;
            }
        result[name] = entry.value.clone();
    }
    return result;
}

// [a; b; c], where each is [C].
Tensor stacked(const Tensor& a, const Tensor& b, const Tensor& c) {
    std::vector<float> all;
    for (const Tensor& one : {a, b, c}) all.insert(all.end(), one.span<float>().begin(), one.span<float>().end());
    return Tensor::from({static_cast<int64_t>(all.size())}, all);
}

Tensors microsofts(const Model& model) {
    Tensors all = with_prefixes(model, {{"layers.1.downsample.", "layers.0.downsample."}, {"head.fc.", "head."}});
    all["layers.0.blocks.0.attn.relative_position_index"] = Tensor::zeros({16, 16}, DType::int64);
    all["layers.0.blocks.0.attn.relative_coords_table"] = Tensor::zeros({1, 7, 7, 2});
    all["layers.1.blocks.1.attn_mask"] = Tensor::zeros({4, 16, 16});
    return all;
}

const Places torchvision_blocks = {{"layers.0.blocks.0.", "features.1.0."},
                                   {"layers.1.blocks.0.", "features.3.0."},
                                   {"layers.1.blocks.1.", "features.3.1."}};

Tensors torchvisions(const Model& model) {
    Places places{{"patch_embed.proj.", "features.0.0."},
                  {"patch_embed.norm.", "features.0.2."},
                  {"layers.1.downsample.", "features.2."},
                  {"head.fc.", "head."}};
    for (const auto& [timm, theirs] : torchvision_blocks) {
        places.emplace_back(timm + "mlp.fc1.", theirs + "mlp.0.");
        places.emplace_back(timm + "mlp.fc2.", theirs + "mlp.3.");
        places.emplace_back(timm, theirs);
    }
    Tensors all = with_prefixes(model, places);
    for (const auto& [timm, theirs] : torchvision_blocks) {
        const std::string attn = theirs + "attn.";
        all[attn + "relative_position_index"] = Tensor::zeros({256}, DType::int64);
        if (!all.count(attn + "q_bias")) continue;
        const Tensor unused = random_tensor(all[attn + "q_bias"].shape(), Random{9, 9}).to(DType::float32);
        all[attn + "qkv.bias"] = stacked(all[attn + "q_bias"], unused, all[attn + "v_bias"]);
        all.erase(attn + "q_bias");
        all.erase(attn + "v_bias");
    }
    return all;
}

Tensors hugging_faces(const Model& model, const std::string& body) {
    Places places{{"patch_embed.proj.", body + "embeddings.patch_embeddings.projection."},
                  {"patch_embed.norm.", body + "embeddings.norm."},
                  {"layers.1.downsample.", body + "encoder.layers.0.downsample."},
                  {"norm.", body + "layernorm."},
                  {"head.fc.", "classifier."}};
    std::vector<std::string> selves;
    for (const char* block : {"layers.0.blocks.0.", "layers.1.blocks.0.", "layers.1.blocks.1."}) {
        const std::string timm = block, theirs = body + "encoder." + block, self = theirs + "attention.self.";
        for (const auto& [from, to] : Places{{"attn.proj.", "attention.output.dense."},
                                             {"attn.cpb_mlp.", "attention.self.continuous_position_bias_mlp."},
                                             {"attn.q_bias", "attention.self.query.bias"},
                                             {"attn.v_bias", "attention.self.value.bias"},
                                             {"attn.", "attention.self."},
                                             {"norm1.", "layernorm_before."},
                                             {"norm2.", "layernorm_after."},
                                             {"mlp.fc1.", "intermediate.dense."},
                                             {"mlp.fc2.", "output.dense."}})
            places.emplace_back(timm + from, theirs + to);
        selves.push_back(self);
    }
    Tensors all = with_prefixes(model, places);
    for (const std::string& self : selves)
        for (const std::string kind : {"weight", "bias"}) {
            if (!all.count(self + "qkv." + kind)) continue;
            const Tensor qkv = all[self + "qkv." + kind];
            const int64_t C = qkv.shape()[0] / 3;
            all[self + "query." + kind] = qkv.slice(0, C).clone();
            all[self + "key." + kind] = qkv.slice(C, 2 * C).clone();
            all[self + "value." + kind] = qkv.slice(2 * C, 3 * C).clone();
            all.erase(self + "qkv." + kind);
        }
    return all;
}

Tensors wrapped(const Tensors& tensors, const std::string& prefix) {
    Tensors result;
    for (const auto& [name, tensor] : tensors) result[prefix + name] = tensor;
    return result;
}

// Loads `tensors` from a file into a model with other values; returns whose names were recognised.
NamesOf load(const Tensors& tensors, const Model& into) {
    const TemporaryDirectory directory;
    write_safetensors(directory / "w", {tensors.begin(), tensors.end()});
    return load_weights(directory / "w", into.parameters).names;
}

// The message of a file that is refused, without its path; nothing may have changed.
std::string refusal(const Tensors& tensors, const Model& into) {
    const std::vector<double> before = into.values();
    const TemporaryDirectory directory;
    write_safetensors(directory / "w", {tensors.begin(), tensors.end()});
    std::string message = error_of([&] { load_weights(directory / "w", into.parameters); });
    REQUIRE(into.values() == before);
    const std::string path = (directory / "w").string();
    const size_t at = message.find(path);
    REQUIRE(at != std::string::npos);
    return message.replace(at, path.size(), "FILE");
}

void require_loads(const Tensors& tensors, NamesOf names, const Model& source) {
    const Model target(source.model.config(), 2);
    REQUIRE(target.values() != source.values());
    REQUIRE(load(tensors, target) == names);
    REQUIRE(target.values() == source.values());
}

}  // namespace

TEST_CASE("weights with timm's names are left as they are") {
    for (const bool v1 : {false, true}) {
        const Model source(small(v1), 1);
        require_loads(with_prefixes(source, {}), NamesOf::timm, source);
    }
    const Tensors strange{{"weight", Tensor::zeros({2})}, {"a.attn_mask", Tensor::zeros({1})}};
    const TimmNamed same = to_timm_names(strange, "[test]");
    REQUIRE((same.given == NamesOf::timm && same.tensors.size() == 2 && same.tensors.count("a.attn_mask")));
}

TEST_CASE("weights with Microsoft's names load: stages end with their downsample") {
    for (const bool v1 : {false, true}) {
        const Model source(small(v1), 1);
        const Tensors all = microsofts(source);
        REQUIRE(all.count("layers.0.downsample.reduction.weight"));
        require_loads(all, NamesOf::microsoft, source);
        for (const char* prefix : {"model.", "encoder.", "module.model."})
            require_loads(wrapped(all, prefix), NamesOf::microsoft, source);
    }
}

TEST_CASE("rpe_mlp is an old name of cpb_mlp, and a network of one stage is known by its head") {
    SwinConfig config = small(false);
    config.depths = {2};
    config.num_heads = {2};
    config.window_size = config.pretrained_window_sizes = {{4, 4}};
    const Model source(config, 1);
    Tensors all;
    for (auto& [name, tensor] : with_prefixes(source, {{"head.fc.", "head."}})) {
        std::string old = name;
        if (const size_t at = old.find("cpb_mlp"); at != std::string::npos) old.replace(at, 3, "rpe");
        all[old] = tensor;
    }
    REQUIRE(all.count("layers.0.blocks.1.attn.rpe_mlp.2.weight"));
    require_loads(all, NamesOf::microsoft, source);
}

TEST_CASE("weights with torchvision's names load: V2's bias is cut, and its keys' third not used") {
    for (const bool v1 : {false, true}) {
        const Model source(small(v1), 1);
        const Tensors all = torchvisions(source);
        REQUIRE(all.at("features.3.1.attn.qkv.bias").shape() == Shape{24});
        REQUIRE(all.count("features.2.reduction.weight"));
        require_loads(all, NamesOf::torchvision, source);
        require_loads(wrapped(all, "module."), NamesOf::torchvision, source);
    }
}

TEST_CASE("weights with Hugging Face's names load: queries, keys and values are joined") {
    for (const bool v1 : {false, true}) {
        const Model source(small(v1), 1);
        const Tensors all = hugging_faces(source, v1 ? "swin." : "swinv2.");
        REQUIRE(all.count(v1 ? "swin.encoder.layers.1.blocks.1.attention.self.key.bias"
                             : "swinv2.encoder.layers.1.blocks.1.attention.self.value.bias"));
        REQUIRE(!all.count("swinv2.encoder.layers.1.blocks.1.attention.self.key.bias"));
        require_loads(all, NamesOf::hugging_face, source);
        require_loads(wrapped(all, "model."), NamesOf::hugging_face, source);
        require_loads(hugging_faces(source, ""), NamesOf::hugging_face, source);
    }
}

TEST_CASE("models without biases of q, k and v load, by any names") {
    SwinConfig config = small(false);
    config.qkv_bias = false;
    const Model source(config, 1);
    require_loads(microsofts(source), NamesOf::microsoft, source);
    require_loads(torchvisions(source), NamesOf::torchvision, source);
    require_loads(hugging_faces(source, "swinv2."), NamesOf::hugging_face, source);
}

TEST_CASE("weights with others' names that do not fit are refused in one line, and change nothing") {
    const Model model(small(false), 1);
    Tensors all = torchvisions(model);
    all["features.1.0.attn.qkv.bias"] = Tensor::zeros({10});
    REQUIRE(refusal(all, model) == "[weights] FILE: \"features.1.0.attn.qkv.bias\" must be [3C], got float32 [10]");
    all["features.1.0.attn.qkv.bias"] = Tensor::zeros({24});
    all["head.weight"] = Tensor::zeros({5, 8});
    all["more"] = Tensor::zeros({1});
    all.erase("features.3.0.mlp.3.bias");
    REQUIRE(
        refusal(all, model) ==
        "[weights] FILE, with the names of torchvision, does not fit: 1 missing (\"layers.1.blocks.0.mlp.fc2.bias\"), "
        "1 unexpected (\"more\"), 3 of another kind (\"layers.0.blocks.0.attn.q_bias\" is float32 [8], expected "
        "float32 [4], \"layers.0.blocks.0.attn.v_bias\" is float32 [8], expected float32 [4], \"head.fc.weight\" is "
        "float32 [5, 8], expected float32 [3, 8])");

    const std::string self = "encoder.layers.0.blocks.0.attention.self.";
    all = hugging_faces(model, "");
    all[self + "key.weight"] = Tensor::zeros({8, 8});
    REQUIRE(refusal(all, model) == "[weights] FILE: \"" + self + "query.weight\" is float32 [4, 4], but \"" + self +
                                       "key.weight\" is float32 [8, 8]");
    all.erase(self + "key.weight");
    REQUIRE(refusal(all, model) ==
            "[weights] FILE: has \"" + self + "query.weight\", but no \"" + self + "key.weight\"");

    all = wrapped(microsofts(model), "model.");
    all["norm.weight"] = Tensor::zeros({8});
    REQUIRE(refusal(all, model) == "[weights] FILE: two tensors stand for \"norm.weight\"");
}

TEST_CASE("names are not guessed at: what stands beside a model, or is half renamed, is unexpected") {
    const Model model(small(false), 1);
    Tensors all = with_prefixes(model, {});
    const Tensor average = Tensor::zeros({4, 3, 1, 1});
    all["model.patch_embed.proj.weight"] = average;
    REQUIRE(refusal(all, model) == "[weights] FILE does not fit: 1 unexpected (\"model.patch_embed.proj.weight\")");
    all = with_prefixes(model, {{"head.fc.", "head."}});
    REQUIRE(refusal(all, model) ==
            "[weights] FILE does not fit: 2 missing (\"head.fc.weight\", \"head.fc.bias\"), 2 unexpected "
            "(\"head.bias\", \"head.weight\")");
}

TEST_CASE("an optimiser's state is not taken for wrapped weights") {
    const Model model(small(false), 1);
    REQUIRE(refusal(wrapped(with_prefixes(model, {}), "optimizer.exp_avg."), model).find(" missing (") !=
            std::string::npos);
}
