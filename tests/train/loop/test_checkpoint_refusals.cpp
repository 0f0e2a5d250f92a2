// What is neither written to a file of weights nor taken from one.
#include "core/io/file.h"
#include "models/nn/convolution.h"
#include "tests/train/loop/toy_run.h"

#include <cmath>
#include <utility>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("values that no training leaves behind are refused, and named") {
    const Directory directory;
    Run run(1, DType::float32), other(2, DType::float32);
    other.train(2);
    save_checkpoint(directory / "c", other.parameters, *other.optimiser, {{"step", 2}});
    const fs::path bad = directory / "bad";
    const auto with = [&](const std::string& name, double value) {
        write_changed(directory / "c", bad, [&](SafetensorsFile& file) {
            Tensor& tensor = file.tensors.at(name);
            if (tensor.dtype() == DType::int64) tensor.data<int64_t>()[0] = static_cast<int64_t>(value);
            else tensor.data<float>()[1] = static_cast<float>(value);
        });
        return refused(run, bad, [&] { load_checkpoint(bad, run.parameters, run.optimiser.get()); });
    };
    const double nan = std::nan("");
    REQUIRE(with("weight", nan) == "[checkpoint] FILE cannot be used: \"weight\" holds nan at [0, 1]");
    REQUIRE(with("optimizer.exp_avg.weight", -INFINITY) ==
            "[checkpoint] FILE cannot be used: \"optimizer.exp_avg.weight\" holds -inf at [0, 1]");
    REQUIRE(with("optimizer.exp_avg_sq.bias", nan) ==
            "[checkpoint] FILE cannot be used: \"optimizer.exp_avg_sq.bias\" holds nan at [1]");
    REQUIRE(with("optimizer.exp_avg_sq.bias", -0.5) ==
            "[checkpoint] FILE cannot be used: element 1 of \"optimizer.exp_avg_sq.bias\" must be 0 or more, got -0.5");
    for (const int updates : {-1, 3})
        REQUIRE(with("optimizer.step.bias", updates) ==
                fmt::format("[checkpoint] FILE cannot be used: element 0 of \"optimizer.step.bias\" must be 0 to 2, "
                            "got {}",
                            updates));
}

TEST_CASE("what could not be read again is not written, and the file before stays") {
    const Directory directory;
    Run run(1, DType::float32);
    run.train(2);
    const fs::path c = directory / "c", w = directory / "w";
    const auto save = [&] { save_checkpoint(c, run.parameters, *run.optimiser, {{"step", 2}}); };
    save();
    save_weights(w, run.parameters);
    const std::string good = read_file(c) + read_file(w);
    const auto said = [&](const fs::path& path, const std::function<void()>& call) {
        std::string message = refused(run, path, call);
        REQUIRE(directory.files() == 2);
        REQUIRE(read_file(c) + read_file(w) == good);
        return message;
    };
    const auto with = [&](const Tensor& tensor, int64_t element, float value, const std::function<void()>& look) {
        float& one = tensor.data<float>()[element];
        const float before = std::exchange(one, value);
        look();
        one = before;
    };
    with(run.parameters.values(), 1, INFINITY, [&] {
        REQUIRE(said(c, save) ==
                "[checkpoint] FILE is not written, as nothing could read it: \"bias\" holds inf at [1]");
        REQUIRE(said(w, [&] { save_weights(w, run.parameters); }) ==
                "[weights] FILE is not written, as nothing could read it: \"bias\" holds inf at [1]");
    });
    for (const auto& [name, tensor] : run.optimiser->state())
        if (name == "exp_avg_sq")
            with(tensor, 0, INFINITY,
                 [&] { REQUIRE(contains(said(c, save), "\"optimizer.exp_avg_sq.bias\" holds inf at [0]")); });
    save();
    load_checkpoint(c, run.parameters, run.optimiser.get());
}

TEST_CASE("a bit flipped in a name or a text is damage, and no misfit") {
    const Directory directory;
    Run run(1, DType::float32);
    save_weights(directory / "w", run.parameters);
    save_checkpoint(directory / "c", run.parameters, *run.optimiser, {{"step", 0}});
    const fs::path bad = directory / "bad";
    const auto said = [&](const char* from, const std::string& name, const std::function<void()>& load) {
        std::string bytes = read_file(directory / from);
        bytes[bytes.find("\"" + name + "\"") + 1] ^= 1;
        write_file_atomically(bad, bytes);
        return refused(run, bad, load);
    };
    const std::string damaged = "[safetensors] FILE: damaged: ";
    REQUIRE(said("w", "late", [&] { load_weights(bad, run.parameters); }).starts_with(damaged));
    for (const char* name : {"late", "swingrad", "optimizer.steps", "optimizer.exp_avg.late"})
        REQUIRE(
            said("c", name, [&] { load_checkpoint(bad, run.parameters, run.optimiser.get()); }).starts_with(damaged));
}

TEST_CASE("a model of one's own has no tensor passed over but PyTorch's count of batches") {
    const Directory directory;
    Run run(1, DType::float32);
    save_weights(directory / "w", run.parameters);
    const fs::path bad = directory / "bad";
    const auto load_with = [&](const std::string& name) {
        write_changed(directory / "w", bad, [&](SafetensorsFile& file) { file.tensors[name] = Tensor::zeros({1}); });
        return error_of([&] { load_weights(bad, run.parameters); });
    };
    for (const std::string name : {"step.weight", "scaler.scale", "optim.weight", "norm.k_bias"})
        REQUIRE(contains(load_with(name), "does not fit: 1 unexpected (\"" + name + "\")"));
    REQUIRE(load_with("norm.num_batches_tracked") == "no error");
}

TEST_CASE("buffers that are not finite are refused as weights are") {
    const Directory directory;
    BatchNorm2d norm(2);
    const Parameters parameters(norm, DType::float32, Random{});
    save_weights(directory / "w", parameters);
    write_changed(directory / "w", directory / "bad",
                  [](SafetensorsFile& file) { file.tensors.at("running_var").data<float>()[1] = INFINITY; });
    REQUIRE(contains(error_of([&] { load_weights(directory / "bad", parameters); }),
                     "cannot be used: \"running_var\" holds inf at [1]"));
    parameters.buffers().data<float>()[0] = NAN;
    REQUIRE(contains(error_of([&] { save_weights(directory / "w", parameters); }), "holds nan at [0]"));
}
