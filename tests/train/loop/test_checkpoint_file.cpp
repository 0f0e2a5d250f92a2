#include "core/io/file.h"
#include "tests/train/loop/toy_run.h"

#include <sys/resource.h>

#include <csignal>
#include <cstring>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("a run continued from a checkpoint has the same bits as one that was never interrupted") {
    const Directory directory;
    for (const DType dtype : {DType::float32, DType::float64})
        for (const bool sgd : {false, true}) {
            Run whole(1, dtype, sgd), first(1, dtype, sgd), second(2, dtype, sgd);
            whole.train(7);
            first.train(4);
            const nlohmann::json state{{"step", 4}, {"loss", 0.1}, {"config", {{"model", "n\u00e4no\n"}}}};
            save_checkpoint(directory / "c", first.parameters, *first.optimiser, state);
            REQUIRE(checkpoint_state(directory / "c") == state);
            REQUIRE(load_checkpoint(directory / "c", second.parameters, second.optimiser.get()) == state);
            REQUIRE(second.bits() == first.bits());
            second.train(3);
            REQUIRE(second.bits() == whole.bits());
        }
}

TEST_CASE("weights alone come back to the bit, from a file of weights and from a checkpoint") {
    const Directory directory;
    Run from(1, DType::float32), a(2, DType::float32), b(3, DType::float32), c(4, DType::float32);
    from.train(2);
    save_weights(directory / "w", from.parameters, {{"note", "tested"}});
    save_checkpoint(directory / "c", from.parameters, *from.optimiser, {{"step", 2}});
    REQUIRE(read_safetensors(directory / "w").metadata.at("note") == "tested");
    REQUIRE(read_safetensors(directory / "w").tensors.size() == 3);
    load_weights(directory / "w", a.parameters);
    load_weights(directory / "c", b.parameters);
    REQUIRE(load_checkpoint(directory / "c", c.parameters, nullptr)["step"] == 2);
    for (const Run* run : {&a, &b, &c}) {
        REQUIRE(run->parameters.values().values() == from.parameters.values().values());
        REQUIRE(run->optimiser->steps() == 0);
    }
}

TEST_CASE("a checkpoint names optimiser state as PyTorch does") {
    const Directory directory;
    Run run(1, DType::float32);
    run.train(3);
    save_checkpoint(directory / "c", run.parameters, *run.optimiser, {});
    const SafetensorsFile file = read_safetensors(directory / "c");
    REQUIRE(file.tensors.size() == 3 * 4);
    REQUIRE(file.tensors.at("optimizer.exp_avg.weight").shape() == Shape{2, 3});
    REQUIRE(file.tensors.at("optimizer.step.weight").item() == 3);
    REQUIRE(file.tensors.at("optimizer.step.late").item() == 1);
    REQUIRE(file.metadata.at("optimizer.steps") == "3");
}

TEST_CASE("weights of another float type are converted") {
    const Directory directory;
    Run wide(1, DType::float64), narrow(2, DType::float32);
    save_weights(directory / "w", wide.parameters);
    load_weights(directory / "w", narrow.parameters);
    REQUIRE(narrow.parameters.values().values() == wide.parameters.values().to(DType::float32).values());
    write_changed(directory / "w", directory / "b", [](SafetensorsFile& file) {
        for (auto& [name, tensor] : file.tensors) tensor = tensor.to(DType::bfloat16);
    });
    load_weights(directory / "b", narrow.parameters);
    REQUIRE(narrow.parameters.values().values() ==
            wide.parameters.values().to(DType::bfloat16).to(DType::float32).values());
}

TEST_CASE("a file that does not fit is refused in one line and changes nothing") {
    const Directory directory;
    Run run(1, DType::float32), other(2, DType::float32);
    other.train(1);
    save_weights(directory / "w", other.parameters);
    save_checkpoint(directory / "c", other.parameters, *other.optimiser, {{"step", 1}});
    const fs::path bad = directory / "bad";
    const auto weights = [&] { return refused(run, bad, [&] { load_weights(bad, run.parameters); }); };
    const auto checkpoint = [&] {
        return refused(run, bad, [&] { load_checkpoint(bad, run.parameters, run.optimiser.get()); });
    };

    write_changed(directory / "w", bad, [](SafetensorsFile& file) {
        file.tensors["bias\n"] = file.tensors["bias"];
        file.tensors.erase("bias");
        file.tensors["late"] = Tensor::zeros({2});
        file.tensors["weight"] = Tensor::zeros({2, 3}, DType::int64);
    });
    REQUIRE(weights() ==
            "[weights] FILE does not fit: 1 missing (\"bias\"), 1 unexpected (\"bias\\n\"), 2 of another kind "
            "(\"weight\" is int64 [2, 3], expected float32 [2, 3], \"late\" is float32 [2], expected float32 [1])");
    write_changed(directory / "w", bad, [](SafetensorsFile& file) {
        for (const char* name : {"a", "b", "c", "d", "e"}) file.tensors[name] = Tensor::zeros({1});
    });
    REQUIRE(weights() == "[weights] FILE does not fit: 5 unexpected (\"a\", \"b\", \"c\" and 2 more)");
    REQUIRE(checkpoint() == "[checkpoint] FILE is no checkpoint: it has no metadata \"swingrad\"");

    write_changed(directory / "c", bad, [](SafetensorsFile& file) { file.tensors.erase("optimizer.exp_avg_sq.late"); });
    REQUIRE(checkpoint() == "[checkpoint] FILE does not fit: 1 missing (\"optimizer.exp_avg_sq.late\")");
    write_changed(directory / "c", bad, [](SafetensorsFile& file) { file.metadata["swingrad"] = "{\"step\""; });
    REQUIRE(checkpoint() == "[checkpoint] FILE: metadata \"swingrad\" is not JSON: it ends too early, after 7 bytes");
    for (const char* steps : {"", "-1", "3 ", "99999999999999999999"}) {
        write_changed(directory / "c", bad, [&](SafetensorsFile& file) { file.metadata["optimizer.steps"] = steps; });
        REQUIRE(checkpoint() ==
                fmt::format("[checkpoint] FILE: metadata \"optimizer.steps\" must be a count, got \"{}\"", steps));
    }
    write_changed(directory / "c", bad, [](SafetensorsFile& file) { file.metadata.erase("optimizer.steps"); });
    REQUIRE(checkpoint() == "[checkpoint] FILE has no metadata \"optimizer.steps\"");

    Run sgd(3, DType::float32, true);
    const fs::path adamw = directory / "c";
    REQUIRE(refused(sgd, adamw, [&] { load_checkpoint(adamw, sgd.parameters, sgd.optimiser.get()); }) ==
            "[checkpoint] FILE does not fit: 3 missing (\"optimizer.momentum_buffer.weight\", "
            "\"optimizer.momentum_buffer.bias\", \"optimizer.momentum_buffer.late\"), 6 unexpected "
            "(\"optimizer.exp_avg.bias\", \"optimizer.exp_avg.late\", \"optimizer.exp_avg.weight\" and 3 more)");
}

TEST_CASE("a missing, truncated or damaged checkpoint is refused in one line and changes nothing") {
    const Directory directory;
    Run run(1, DType::float32), other(2, DType::float32);
    other.train(1);
    save_checkpoint(directory / "c", other.parameters, *other.optimiser, {{"step", 1}});
    const std::string good = read_file(directory / "c");
    const fs::path bad = directory / "bad";
    const auto load = [&] { load_checkpoint(bad, run.parameters, run.optimiser.get()); };
    refused(run, bad, load);  // not there
    for (size_t length = 0; length < good.size(); length += 13) {
        write_file_atomically(bad, good.substr(0, length));
        refused(run, bad, load);
    }
    // A changed byte of the header may leave a file that is right but different; then there is no message.
    uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, good.data(), 8);
    size_t refusals = 0;
    for (size_t at = 0; at < 8 + header_bytes; at += 5) {
        std::string damaged = good;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x15);
        write_file_atomically(bad, damaged);
        const std::string before = run.bits(), message = error_of(load);
        INFO(at << ": " << message);
        REQUIRE(message.find('\n') == std::string::npos);
        if (message == "no error") continue;
        REQUIRE(run.bits() == before);
        ++refusals;
    }
    REQUIRE(refusals > 100);
}

TEST_CASE("where a checkpoint cannot be written whole, the one before is kept") {
    const Directory directory;
    Run run(1, DType::float32), restored(2, DType::float32);
    save_checkpoint(directory / "c", run.parameters, *run.optimiser, {{"step", 0}});
    const std::string before = run.bits();
    run.train(1);

    // A limit on the size of files stands for a full disk: write() then fails half way.
    rlimit limit{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const rlimit small{500, limit.rlim_max};
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    const std::string message = error_of([&] {
        save_checkpoint(directory / "c", run.parameters, *run.optimiser, {{"step", 1}});
    });
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, handler);

    INFO(message);
    REQUIRE(message.find("File too large") != std::string::npos);
    REQUIRE(directory.files() == 1);
    REQUIRE(load_checkpoint(directory / "c", restored.parameters, restored.optimiser.get())["step"] == 0);
    REQUIRE(restored.bits() == before);
}
