// A checkpoint, loaded into a model of three parameters and its optimiser: where it is refused, nothing has changed.
#include "tests/fuzz/targets.h"
#include "tests/support/toy_model.h"
#include "train/loop/checkpoint.h"

#include <cstring>

namespace swingrad::fuzz {
namespace {

struct Toy {
    test::ToyModel model;
    Parameters parameters{model, DType::float32, Random{.seed = 1}};
    std::unique_ptr<Optimiser> optimiser = make_adamw(parameters, {});

    // Every byte that a checkpoint may change.
    std::string contents() const {
        std::string all = std::to_string(optimiser->steps());
        const auto add = [&](const Tensor& t) { all.append(static_cast<const char*>(t.address()), t.bytes()); };
        add(parameters.values());
        for (const auto& [name, state] : optimiser->state()) add(state);
        return all;
    }
};

void load(Bytes bytes) {
    static Toy toy;
    static const MemoryFile file;
    file.write(bytes);
    const auto refused_or_loaded = [&](auto&& load) {
        const std::string before = toy.contents();
        const bool loaded = reads(load);
        promise(loaded || toy.contents() == before, "a refused file has changed something");
        return loaded;
    };
    nlohmann::json state;
    const bool has_state = reads([&] { state = checkpoint_state(file.path()); });
    const bool loaded = refused_or_loaded([&] {
        promise(load_checkpoint(file.path(), toy.parameters, toy.optimiser.get()) == state, "two states in a file");
    });
    promise(has_state || !loaded, "a checkpoint without a state is loaded");
    refused_or_loaded([&] { load_checkpoint(file.path(), toy.parameters, nullptr); });
    refused_or_loaded([&] { load_weights(file.path(), toy.parameters); });
}

}  // namespace

void checkpoint(Bytes file) { with_length_mended_too(file, load); }

}  // namespace swingrad::fuzz
