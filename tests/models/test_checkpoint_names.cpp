// Weights with the names of Microsoft's, torchvision's and Hugging Face's Swin, loaded into models named as timm's.
#include "tests/models/other_names.h"

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("weights with timm's names are left as they are") {
    for (const bool v1 : {false, true}) {
        const Model source(small(v1), 1);
        require_loads(with_prefixes(source, {}), NamesOf::timm, source);
    }
    const TemporaryDirectory directory;
    write_safetensors(directory / "w", {{"weight", Tensor::zeros({2})}, {"a.attn_mask", Tensor::zeros({1})}});
    const TimmNamed same = to_timm_names(open_tensors(directory / "w").tensors, "[test]");
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
