// A toy model in training, and its files with something changed: what the tests of checkpoints share.
#pragma once

#include "core/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/toy_model.h"
#include "train/loop/checkpoint.h"

#include <unistd.h>

namespace swingrad::test {

namespace fs = std::filesystem;

// A directory that goes with the test.
struct Directory {
    fs::path path = fs::temp_directory_path() / fmt::format("swingrad_test_checkpoint_{}", getpid());
    Directory() { fs::create_directories(path); }
    ~Directory() { fs::remove_all(path); }
    fs::path operator/(const std::string& name) const { return path / name; }
    size_t files() const {
        return static_cast<size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
    }
};

struct Run {
    ToyModel model;
    Parameters parameters;
    std::unique_ptr<Optimiser> optimiser;

    Run(uint64_t seed, DType dtype, bool sgd = false)
        : parameters(model, dtype, Random{seed, 0}),
          optimiser(sgd ? make_sgd(parameters, {.momentum = 0.9, .dampening = 0.5}) : make_adamw(parameters, {})) {}

    // "late" has no gradient in even steps, so that updates differ in number.
    void train(int64_t steps) {
        for (int64_t end = optimiser->steps() + steps; optimiser->steps() < end;) {
            const auto step = static_cast<uint64_t>(optimiser->steps());
            std::vector<Tensor> gradients;
            for (const auto& entry : parameters.entries())
                gradients.push_back(
                    random_tensor(entry.shape, Random{4, step}.split(gradients.size())).to(parameters.dtype()));
            if (step % 2 == 0) gradients[2] = Tensor();
            receive(parameters, gradients);
            optimiser->step(0.1);
        }
    }

    // Everything a checkpoint restores, to the bit.
    std::string bits() const {
        std::string all(static_cast<const char*>(parameters.values().address()), parameters.values().bytes());
        for (const auto& [name, tensor] : optimiser->state())
            all.append(static_cast<const char*>(tensor.address()), tensor.bytes());
        return all + std::to_string(optimiser->steps());
    }
};

// The message must be one line that names the file, and the run as it was before.
inline std::string refused(const Run& run, const fs::path& path, const std::function<void()>& call) {
    const std::string before = run.bits();
    std::string message = error_of(call);
    INFO(message);
    REQUIRE(run.bits() == before);
    REQUIRE(message.find('\n') == std::string::npos);
    const size_t at = message.find(path.string());
    REQUIRE(at != std::string::npos);
    return message.replace(at, path.string().size(), "FILE");
}

inline void write_changed(const fs::path& from, const fs::path& to,
                          const std::function<void(SafetensorsFile&)>& change) {
    SafetensorsFile file = read_safetensors(from);
    change(file);
    write_safetensors(to, {file.tensors.begin(), file.tensors.end()}, file.metadata);
}

}  // namespace swingrad::test
