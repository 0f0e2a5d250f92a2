// What stands before and beside the names of weights, and numbers in them that are none.
#include "tests/models/other_names.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("whatever stands before the names is cut off, in any order and at any depth") {
    const Model source(small(false), 1);
    for (const char* prefix : {"module.", "_orig_mod.", "_orig_mod.module.", "model._orig_mod.", "net.", "ema_model.",
                               "_forward_module.", "trainer.student.0.encoder."}) {
        INFO(prefix);
        require_loads(wrapped(with_prefixes(source, {}), prefix), NamesOf::timm, source);
        require_loads(wrapped(microsofts(source), prefix), NamesOf::microsoft, source);
        require_loads(wrapped(torchvisions(source), prefix), NamesOf::torchvision, source);
        require_loads(wrapped(hugging_faces(source, "swinv2."), prefix), NamesOf::hugging_face, source);
    }
    // A head that is no part of the body.
    Tensors apart;
    for (const auto& [name, tensor] : with_prefixes(source, {}))
        apart[(name.starts_with("head.") ? "module." : "module.backbone.") + name] = tensor;
    require_loads(apart, NamesOf::timm, source);
}

TEST_CASE("bookkeeping beside the weights is passed over, whatever it is") {
    const Model source(small(false), 1);
    Tensors all = wrapped(with_prefixes(source, {}), "module.");
    all["n_averaged"] = Tensor::from({}, std::vector<int64_t>{5});
    all["module.layers.0.blocks.0.attn.relative_position_index"] = Tensor::zeros({256}, DType::int64);
    all["module.layers.0.blocks.0.attn.k_bias"] = Tensor::zeros({4});
    all["optimizer.exp_avg.module.patch_embed.proj.weight"] = Tensor::zeros({4, 3, 1, 1});
    all["epoch"] = Tensor::from({}, std::vector<int64_t>{7});
    require_loads(all, NamesOf::timm, source);
    all["optimizers"] = Tensor::zeros({1});
    all["temperature"] = Tensor::zeros({1});
    REQUIRE(contains(refusal(all, Model(small(false), 2)), "1 unexpected (\"temperature\")"));
}

TEST_CASE("of several models in a file, one with nothing before its names is meant, and else none") {
    const Model source(small(false), 1);
    Tensors all = wrapped(with_prefixes(source, {}), "ema.");
    all.merge(wrapped(with_prefixes(source, {}), "model."));
    REQUIRE(refusal(all, Model(small(false), 2)) ==
            "[weights] FILE holds 2 models, whose names begin with \"ema.\" and \"model.\": keep the tensors of one");
}

TEST_CASE("names that transformers has in memory load like those of its files") {
    for (const bool v1 : {false, true}) {
        const Model source(small(v1), 1);
        Tensors all;
        for (auto& [name, tensor] : hugging_faces(source, "swin.")) {
            std::string now = name;
            for (const auto& [from, to] : Places{{"attention.self.query", "attention.q_proj"},
                                                 {"attention.self.key", "attention.k_proj"},
                                                 {"attention.self.value", "attention.v_proj"},
                                                 {"attention.output.dense", "attention.o_proj"},
                                                 {"attention.self.relative_position_bias_table",
                                                  "attention.relative_position_bias.relative_position_bias_table"},
                                                 {"attention.self.", "attention."},
                                                 {"intermediate.dense", "mlp.fc1"},
                                                 {"output.dense", "mlp.fc2"}})
                if (const size_t at = now.find(from); at != std::string::npos) {
                    now.replace(at, from.size(), to);
                    break;
                }
            all[now] = tensor;
        }
        REQUIRE(all.count("swin.encoder.layers.1.blocks.1.attention.k_proj.weight"));
        require_loads(all, NamesOf::hugging_face, source);
    }
}

TEST_CASE("weights that are not finite are refused, by tensor and index, and change nothing") {
    const Model source(small(false), 1), target(small(false), 2);
    for (const float value : {NAN, INFINITY, -INFINITY}) {
        Tensors all = with_prefixes(source, {});
        all["head.fc.weight"].data<float>()[8 + 3] = value;
        REQUIRE(refusal(all, target) ==
                fmt::format("[weights] FILE cannot be used: \"head.fc.weight\" holds {} at [1, 3]", value));
    }
    Tensors wide = with_prefixes(source, {});
    for (auto& [name, tensor] : wide) tensor = tensor.to(DType::float64);
    wide["norm.weight"].data<double>()[2] = 1e300;
    REQUIRE(refusal(wide, target) ==
            "[weights] FILE cannot be used: \"norm.weight\" holds 1e+300 at [2], too large for float32");
}
