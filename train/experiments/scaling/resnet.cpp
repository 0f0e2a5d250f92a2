#include "train/experiments/scaling/resnet.h"

#include "models/nn/parameters.h"
#include "ops/cost_log.h"
#include "ops/ops.h"

#include <cstdlib>

namespace swingrad {
namespace {

constexpr int64_t stages = 3, blocks_of_stage = 2;

}  // namespace

SmallResNet::Convolution::Convolution(int64_t inputs, int64_t outputs, int64_t kernel, int64_t stride)
    : Conv2d(inputs, outputs, {kernel, kernel},
             {.stride = {stride, stride},
              .padding = {kernel / 2, kernel / 2},
              .bias = false,
              .weight_init = Init::kaiming_normal(inputs * kernel * kernel)}) {}

SmallResNet::Block::Block(int64_t inputs, int64_t outputs, int64_t stride)
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

Tensor SmallResNet::Block::forward(const Tensor& x) const {
    return relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x));
}

SmallResNet::SmallResNet(int64_t width, int64_t classes)
    : conv1_(3, width, 3, 1), bn1_(width), fc_(width << (stages - 1), classes) {
    declare("conv1", conv1_);
    declare("bn1", bn1_);
    for (int64_t stage = 0, inputs = width; stage < stages; ++stage)
        for (int64_t block = 0; block < blocks_of_stage; ++block) {
            blocks_.add<Block>(inputs, width << stage, stage > 0 && block == 0 ? 2 : 1);
            inputs = width << stage;
        }
    declare("blocks", blocks_);
    declare("fc", fc_);
}

Tensor SmallResNet::forward(const Tensor& images) const {
    return fc_(global_average_pool(blocks_(relu(bn1_(conv1_(images))))));
}

ModelCost cost_of(Module& model, int64_t pixels) {
    const Parameters parameters(model, DType::float32, Random{}, Device::meta, Gradients::no);
    model.eval();
    const CostLog log;
    model(Tensor::empty({1, pixels, pixels, 3}, DType::float32, Device::meta));
    return {log.total(), parameters.count()};
}

int64_t width_of_resnet(int64_t multiply_adds, int64_t pixels, int64_t classes) {
    for (int64_t width = 1;; ++width) {
        const auto off = [&](int64_t of_width) {
            SmallResNet model(of_width, classes);
            return std::abs(cost_of(model, pixels).multiply_adds - multiply_adds);
        };
        if (off(width + 1) >= off(width)) return width;
    }
}

}  // namespace swingrad
