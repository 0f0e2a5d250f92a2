// Two layers learn to tell two spirals apart: all of a training program, without a Swin in it.
#include <swingrad/models/nn/layers.h>
#include <swingrad/models/nn/parameters.h>
#include <swingrad/train/optim/optimiser.h>

#include <cmath>
#include <cstdio>
#include <numbers>

using namespace swingrad;

// A network is a Module. What it declares, by name, is what gets trained and saved.
struct TwoLayers : Module {
    Linear hidden{2, 64}, output{64, 2};

    TwoLayers() {
        declare("hidden", hidden);
        declare("output", output);
    }
    Tensor forward(const Tensor& x) const override {
        return output.forward(relu(hidden.forward(x)));
    }  // [B, 2] -> [B, 2]
};

int main() {
    // Points along two arms that wind once around the origin, the second opposite to the first.
    constexpr int64_t count = 200;
    const Tensor points = Tensor::empty({count, 2}), labels = Tensor::empty({count}, DType::int64);
    for (int64_t i = 0; i < count; ++i) {
        const double along = 0.1 + 0.9 * static_cast<double>(i / 2) / (count / 2), arm = static_cast<double>(i % 2);
        const double angle = 2 * std::numbers::pi * along + std::numbers::pi * arm;
        points.data<float>()[2 * i] = static_cast<float>(3 * along * std::cos(angle));
        points.data<float>()[2 * i + 1] = static_cast<float>(3 * along * std::sin(angle));
        labels.data<int64_t>()[i] = i % 2;
    }

    TwoLayers model;
    const Parameters parameters(model, DType::float32, Random{.seed = 1});  // allocates and draws the weights
    const auto optimiser = make_adamw(parameters, {.weight_decay = 0.01});
    for (int step = 0; step <= 600; ++step) {
        parameters.zero_grad();
        Tape tape;  // records what is computed from here on
        const Tensor loss = cross_entropy(model.forward(points), labels);
        tape.backward(loss);
        optimiser->step(0.01);
        if (step % 100 == 0) std::printf("step %3d   loss %.4f\n", step, loss.item());
    }

    const Tensor logits = model.forward(points);  // no tape, nothing recorded
    int64_t right = 0;
    for (int64_t i = 0; i < count; ++i)
        right += (logits.data<float>()[2 * i + 1] > logits.data<float>()[2 * i]) == (labels.data<int64_t>()[i] == 1);
    const double accuracy = static_cast<double>(right) / count;
    std::printf("accuracy %.1f %%\n", 100 * accuracy);
    return accuracy > 0.95 ? 0 : 1;
}
