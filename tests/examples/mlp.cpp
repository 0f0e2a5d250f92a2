// Two layers learn to tell pictures apart, pixel by pixel: the least that a model of your own takes.
#include <swingrad/models/nn/layers.h>
#include <swingrad/train/program/own/own_program.h>

using namespace swingrad;

constexpr Extent picture{16, 16};
constexpr int64_t pixels = picture.rows * picture.columns * 3, classes = 10;

// A network is a Module. What it declares, by name, is what gets trained and saved.
struct Network : Module {
    Linear hidden{pixels, 256}, output{256, classes};

    Network() {
        declare("hidden", hidden);
        declare("output", output);
    }
    // [B, 16, 16, 3] -> logits [B, 10]
    Tensor forward(const Tensor& images) const override {
        const Tensor x = reshape(images, {images.shape()[0], pixels});
        return output(relu(hidden(x)));
    }
};

int main(int argc, char** argv) {
    return run_program({.name = "mlp",
                        .model = [] { return std::make_unique<Network>(); },
                        .data = [](const std::string& source) { return image_data(source, picture); },
                        .source = "shapes"},
                       argc, argv);
}
