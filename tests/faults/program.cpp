// A training of a few milliseconds with everything a run has: what the faults are tried on.
#include "models/nn/layers.h"
#include "train/program/console/terminate.h"
#include "train/program/own/own_program.h"

using namespace swingrad;

namespace {

struct Network : Module {
    Linear hidden{4, 8}, output{8, 3};
    Network() {
        declare("hidden", hidden);
        declare("output", output);
    }
    Tensor forward(const Tensor& x) const override { return output(relu(hidden(x))); }
};

// Points around three corners.
class Points final : public Samples {
  public:
    Points(int64_t count, uint64_t seed) : count_(count), random_{seed, 0} {}
    int64_t size() const override { return count_; }
    Batch batch(std::span<const int64_t> indices, const Random*) const override {
        const auto count = static_cast<int64_t>(indices.size());
        Batch batch{Tensor::empty({count, 4}), Tensor::empty({count}, DType::int64)};
        for (int64_t i = 0; i < count; ++i) {
            const int64_t index = indices[static_cast<size_t>(i)], label = index % 3;
            batch.targets.data<int64_t>()[i] = label;
            for (int64_t k = 0; k < 4; ++k) {
                const auto noise = static_cast<float>(random_.below(static_cast<uint64_t>(4 * index + k), 1000)) / 1000;
                batch.inputs.data<float>()[4 * i + k] = noise + (k == label ? 1.0f : 0.0f);
            }
        }
        return batch;
    }

  private:
    int64_t count_;
    Random random_;
};

}  // namespace

// As the program swingrad does: what is made at start, here or in a library, may find no memory.
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_all)() = tell_of_no_memory;

int main(int argc, char** argv) {
    return run_program({.name = "points",
                        .model = [] { return std::make_unique<Network>(); },
                        .data =
                            [](const std::string&) {
                                return ProgramData{std::make_unique<Points>(24, 1), std::make_unique<Points>(9, 2),
                                                   [] { return std::make_unique<Points>(9, 3); }};
                            },
                        .recipe = {.epochs = 2, .batch_size = 8, .checkpoint_every = 2, .keep_every = 2}},
                       argc, argv);
}
