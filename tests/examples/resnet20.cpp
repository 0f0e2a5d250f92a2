// ResNet-20 for small images: three stages of three blocks, two convolutions each, and a shortcut around every block.
// Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", arXiv 1512.03385, section 4.2; where the
// map halves, the shortcut is a 1 x 1 convolution (option B).
#include <swingrad/models/nn/containers.h>
#include <swingrad/models/nn/convolution.h>
#include <swingrad/models/nn/layers.h>
#include <swingrad/train/program/own/own_program.h>

using namespace swingrad;

namespace resnet20 {

constexpr Extent image{32, 32};
constexpr int64_t classes = 10;

// Without bias: batch norm follows, and has one. Starts as He et al. say, arXiv 1502.01852.
struct Convolution : Conv2d {
    Convolution(int64_t inputs, int64_t outputs, int64_t kernel, int64_t stride)
        : Conv2d(inputs, outputs, {kernel, kernel},
                 {.stride = {stride, stride},
                  .padding = {kernel / 2, kernel / 2},
                  .bias = false,
                  .weight_init = Init::kaiming_normal(inputs * kernel * kernel)}) {}
};

// relu(x + f(x)), f two 3 x 3 convolutions; the first may have stride 2.
struct Block : Module {
    Convolution conv1, conv2;
    BatchNorm2d bn1, bn2;
    Sequential shortcut;  // empty where the map and its channels stay as they are

    Block(int64_t inputs, int64_t outputs, int64_t stride)
        : conv1(inputs, outputs, 3, stride), conv2(outputs, outputs, 3, 1), bn1(outputs), bn2(outputs) {
        declare("conv1", conv1);
        declare("bn1", bn1);
        declare("conv2", conv2);
        declare("bn2", bn2);
        if (stride != 1) {
            shortcut.add<Convolution>(inputs, outputs, 1, stride);
            shortcut.add<BatchNorm2d>(outputs);
        }
        declare("shortcut", shortcut);
    }
    Tensor forward(const Tensor& x) const override { return relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)); }
};

struct ResNet20 : Module {
    Convolution conv1{3, 16, 3, 1};
    BatchNorm2d bn1{16};
    Sequential blocks;
    Linear fc{64, classes};

    ResNet20() {
        declare("conv1", conv1);
        declare("bn1", bn1);
        int64_t inputs = 16;
        for (const int64_t outputs : {16, 32, 64})
            for (int i = 0; i < 3; ++i) {
                blocks.add<Block>(inputs, outputs, inputs == outputs ? 1 : 2);
                inputs = outputs;
            }
        declare("blocks", blocks);
        declare("fc", fc);
    }
    // [B, 32, 32, 3] -> logits [B, 10]
    Tensor forward(const Tensor& images) const override {
        return fc(global_average_pool(blocks(relu(bn1(conv1(images))))));
    }
};

const Program program{.name = "resnet20",
                      .model = [] { return std::make_unique<ResNet20>(); },
                      .data = [](const std::string& source) { return image_data(source, image); },
                      .source = "shapes",
                      .recipe = {.opt = "sgd", .lr = 0.1, .weight_decay = 5e-4, .label_smoothing = 0}};

}  // namespace resnet20

int main(int argc, char** argv) { return run_program(resnet20::program, argc, argv); }
