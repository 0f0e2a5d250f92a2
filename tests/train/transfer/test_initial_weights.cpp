// What a training takes of weights made before, and what it says of the rest.
#include "train/transfer/initial_weights.h"

#include "core/io/file.h"
#include "core/io/safetensors.h"
#include "models/simmim/simmim_swin.h"
#include "tests/models/other_names.h"
#include "tests/train/loop/toy_run.h"

#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Notes = std::vector<std::string>;
using Model = swingrad::test::Model;

// What is taken of `file`, with its path cut out of what is said.
Notes taken_from(const fs::path& file, const Parameters& into) {
    Notes notes = take_initial_weights(file, into).notes;
    for (std::string& note : notes)
        if (const size_t at = note.find(file.string()); at != std::string::npos)
            note.replace(at, file.string().size(), "FILE");
    return notes;
}

std::string refused(const fs::path& file, const Parameters& into) {
    const std::vector<double> before = into.values().values();
    std::string message = error_of([&] { take_initial_weights(file, into); });
    REQUIRE(into.values().values() == before);
    REQUIRE(message.find('\n') == std::string::npos);
    const size_t at = message.find(file.string());
    REQUIRE(at != std::string::npos);
    return message.replace(at, file.string().size(), "FILE");
}

bool same(const Model& a, const Model& b, const std::string& name) { return same_bits(a.value(name), b.value(name)); }

}  // namespace

TEST_CASE("of weights of the same model all is taken") {
    const TemporaryDirectory directory;
    for (const bool v1 : {false, true}) {
        const Model source(small(v1), 1), target(small(v1), 2);
        save_weights(directory / "w", source.parameters);
        REQUIRE(taken_from(directory / "w", target.parameters) ==
                Notes{fmt::format("begun from FILE: {0} of {0} tensors taken", source.parameters.entries().size())});
        REQUIRE(same_bits(source.parameters.values(), target.parameters.values()));
    }
}

TEST_CASE("a head for other classes begins anew, and stays as it was drawn") {
    const TemporaryDirectory directory;
    SwinConfig more = small(false);
    more.num_classes = 7;
    const Model source(small(false), 1), target(more, 2), untouched(more, 2);
    save_weights(directory / "w", source.parameters);
    const size_t count = source.parameters.entries().size();
    REQUIRE(taken_from(directory / "w", target.parameters) ==
            Notes{fmt::format("begun from FILE: {} of {} tensors taken", count - 2, count),
                  "head: 3 classes there, 7 here: begun anew"});
    REQUIRE(same(source, target, "layers.1.blocks.1.mlp.fc2.bias"));
    REQUIRE(same(untouched, target, "head.fc.weight"));
    REQUIRE(same(untouched, target, "head.fc.bias"));
}

TEST_CASE("of another window and patch size, tables and patches are resampled as load_weights does it") {
    const TemporaryDirectory directory;
    SwinConfig other = small(true);
    other.img_size = {16, 16};
    other.patch_size = {2, 2};
    other.window_size = {{8, 8}, {8, 8}};  // the second stage's map has 4 x 4, and keeps its window
    const Model source(small(true), 1), target(other, 2), loaded(other, 3);
    save_weights(directory / "w", source.parameters);
    const Notes notes = taken_from(directory / "w", target.parameters);
    REQUIRE(notes.size() == 2);
    REQUIRE(notes[1] ==
            "resampled to the sizes here: 2 (patch_embed.proj.weight, "
            "layers.0.blocks.0.attn.relative_position_bias_table)");
    load_weights(directory / "w", loaded.parameters, OtherSizes::resample);
    REQUIRE(same_bits(loaded.parameters.values(), target.parameters.values()));
}

TEST_CASE("absolute positions are taken, resampled where the map is another, and of no use to a model without") {
    const TemporaryDirectory directory;
    SwinConfig config = small(false), other = small(false);
    config.position_embedding = other.position_embedding = PositionEmbedding::absolute;
    other.img_size = {16, 12};
    const Model source(config, 1), target(other, 2), without(small(false), 3);
    save_weights(directory / "w", source.parameters);
    const Notes notes = taken_from(directory / "w", target.parameters);
    REQUIRE(notes.size() == 2);
    REQUIRE(notes[1] == "resampled to the sizes here: 1 (absolute_pos_embed)");
    REQUIRE(target.value("absolute_pos_embed").shape() == Shape{1, 16, 12, 4});
    REQUIRE(taken_from(directory / "w", without.parameters).back() ==
            "there, and of no use here: 1 (\"absolute_pos_embed\")");
}

TEST_CASE("other names, prefixes and optimisers' states are seen through") {
    const TemporaryDirectory directory;
    const Model source(small(false), 1), target(small(false), 2);
    const Tensors theirs = wrapped(hugging_faces(source, "swinv2."), "model.");
    write_safetensors(directory / "w", {theirs.begin(), theirs.end()});
    const Notes notes = taken_from(directory / "w", target.parameters);
    REQUIRE(notes.size() == 1);
    REQUIRE(notes[0].find("which has the names of Hugging Face: ") != std::string::npos);
    REQUIRE(same_bits(source.parameters.values(), target.parameters.values()));

    const Model again(small(false), 3);
    save_checkpoint(directory / "c", source.parameters, *make_adamw(source.parameters, {}), nlohmann::json::object());
    REQUIRE(taken_from(directory / "c", again.parameters).size() == 1);
    REQUIRE(same_bits(source.parameters.values(), again.parameters.values()));
}

TEST_CASE("what is missing, of another shape or of no use is named, a line a kind") {
    const TemporaryDirectory directory;
    SwinConfig other = small(false);
    other.depths = {1, 1, 1};
    other.num_heads = {1, 1, 1};
    other.window_size = other.pretrained_window_sizes = {{4, 4}, {4, 4}, {2, 2}};
    other.pretrained_window_sizes = {{0, 0}, {0, 0}, {0, 0}};
    const Model source(small(false), 1), target(other, 2);
    save_weights(directory / "w", source.parameters);
    const Notes notes = taken_from(directory / "w", target.parameters);
    REQUIRE(notes.size() == 4);
    REQUIRE(contains(notes[1], "of another shape, begun anew: "));
    REQUIRE(contains(notes[1],
                     "\"layers.1.blocks.0.attn.logit_scale\" is float32 [2, 1, 1] there, float32 [1, 1, 1] here"));
    REQUIRE(contains(notes[2], "not there, begun anew: "));
    REQUIRE(contains(notes[2], "\"layers.2.downsample.reduction.weight\""));
    REQUIRE(contains(notes[3], "there, and of no use here: "));
    REQUIRE(contains(notes[3], "\"layers.1.blocks.1."));
    REQUIRE(same(source, target, "layers.0.blocks.0.mlp.fc1.weight"));
}

TEST_CASE("any model begins from weights with its names and shapes, in mixed precision too") {
    const TemporaryDirectory directory;
    const Run source(1, DType::float32), target(2, DType::bfloat16);
    save_weights(directory / "w", source.parameters);
    REQUIRE(taken_from(directory / "w", target.parameters) == Notes{"begun from FILE: 3 of 3 tensors taken"});
    REQUIRE(same_bits(source.parameters.values(), target.parameters.values()));
    REQUIRE(same_bits(target.parameters.entries()[0].leaf, source.parameters.entries()[0].value.to(DType::bfloat16)));
}

TEST_CASE("as many numbers in another shape do not fit") {
    const TemporaryDirectory directory;
    const Run toy(1, DType::float32);
    write_safetensors(directory / "w", {{"weight", Tensor::zeros({3, 2})}, {"bias", Tensor::zeros({3})}});
    REQUIRE(taken_from(directory / "w", toy.parameters) ==
            Notes{"begun from FILE: 1 of 3 tensors taken",
                  "of another shape, begun anew: 1 (\"weight\" is float32 [3, 2] there, float32 [2, 3] here)",
                  "not there, begun anew: 1 (\"late\")"});
}

TEST_CASE("weights of which nothing fits, or that are damaged or not finite, change nothing") {
    const TemporaryDirectory directory;
    const Model model(small(false), 1);
    const Run toy(1, DType::float32);
    save_weights(directory / "toy", toy.parameters);
    REQUIRE(refused(directory / "toy", model.parameters)
                .starts_with(
                    "[init] FILE: nothing in it fits: it holds 3 (\"bias\", \"late\", \"weight\"), the model has "));
    write_safetensors(directory / "empty", {});
    REQUIRE(contains(refused(directory / "empty", toy.parameters), "it holds no weight, the model has 3 ("));

    Tensors all = with_prefixes(model, {});
    all["norm.bias"].data<float>()[1] = std::numeric_limits<float>::quiet_NaN();
    write_safetensors(directory / "nan", {all.begin(), all.end()});
    REQUIRE(contains(refused(directory / "nan", Model(small(false), 2).parameters),
                     "[init] FILE cannot be used: \"norm.bias\" holds nan at [1]"));

    std::string bytes = read_file(directory / "toy");
    bytes[bytes.size() - 2] ^= 1;
    write_file_plainly(directory / "damaged", bytes);
    REQUIRE(contains(refused(directory / "damaged", toy.parameters), "damaged"));
}

TEST_CASE("of Microsoft's files of SimMIM a classifier takes the encoder, and a model of hidden patches all") {
    const TemporaryDirectory directory;
    SwinConfig config = small(false);
    config.img_size = {16, 16};
    SimMimSwin source(config), again(config);
    const Parameters from(source, DType::float32, Random{1, 0}), all(again, DType::float32, Random{2, 0});
    NamedTensors published;
    for (const auto& entry : from.entries()) {
        std::string name = entry.name;
        // There the merging before a stage belongs to the stage that it ends.
        if (const size_t at = name.find(".downsample."); at != std::string::npos)
            name = fmt::format("layers.{}{}", name[at - 1] - '1', name.substr(at));
        published.emplace_back(name.starts_with("decoder.") ? name : "encoder." + name, entry.value);
    }
    write_safetensors(directory / "published", published, {});
    const size_t count = published.size();
    REQUIRE(taken_from(directory / "published", all) ==
            Notes{fmt::format("begun from FILE, which has the names of Microsoft: {0} of {0} tensors taken", count)});
    REQUIRE(same_bits(all.values(), from.values()));

    const Model classifier(config, 3);
    const Notes notes = taken_from(directory / "published", classifier.parameters);
    REQUIRE(notes.size() == 3);
    REQUIRE(notes[0] == fmt::format("begun from FILE, which has the names of Microsoft: {} of {} tensors taken",
                                    count - 3, count - 1));
    REQUIRE(notes[1] == "not there, begun anew: 2 (\"head.fc.weight\", \"head.fc.bias\")");
    REQUIRE(notes[2] == "there, and of no use here: 3 (\"decoder.0.bias\", \"decoder.0.weight\", \"mask_token\")");
}
