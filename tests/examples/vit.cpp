// A small Vision Transformer with a class token: patches of an image as a sequence, and one token more that collects
// what the others know. Source: Dosovitskiy et al., "An image is worth 16x16 words", arXiv 2010.11929.
#include <swingrad/models/nn/containers.h>
#include <swingrad/models/nn/convolution.h>
#include <swingrad/models/nn/sequence.h>
#include <swingrad/train/program/own/own_program.h>

using namespace swingrad;

namespace vit {

constexpr Extent image{32, 32}, patch{4, 4};
constexpr int64_t patches = image.rows / patch.rows * (image.columns / patch.columns), classes = 10;
constexpr int64_t channels = 192, depth = 6, heads = 3;

// Attention and an MLP, each added to what went into it.
struct Block : Module {
    LayerNorm norm1{channels}, norm2{channels};
    MultiHeadAttention attn{channels, heads};
    Mlp mlp{channels, 4 * channels};

    Block() {
        declare("norm1", norm1);
        declare("attn", attn);
        declare("norm2", norm2);
        declare("mlp", mlp);
    }
    Tensor forward(const Tensor& x) const override {
        const Tensor attended = x + attn(norm1(x));
        return attended + mlp(norm2(attended));
    }
};

struct ViT : Module {
    Conv2d patch_embed{3, channels, patch, {.stride = patch}};
    Parameter cls_token, pos_embed;
    ModuleList<Block> blocks;
    LayerNorm norm{channels};
    Linear head{channels, classes};

    ViT() {
        declare("patch_embed", patch_embed);
        declare("cls_token", cls_token, {1, 1, channels}, Init::normal(0.02), Decay::no, Precision::mixed);
        declare("pos_embed", pos_embed, {1, patches + 1, channels}, Init::normal(0.02), Decay::no, Precision::mixed);
        for (int64_t i = 0; i < depth; ++i) blocks.add();
        declare("blocks", blocks);
        declare("norm", norm);
        declare("head", head);
    }
    // [B, 32, 32, 3] -> logits [B, 10]
    Tensor forward(const Tensor& images) const override {
        const int64_t B = images.shape()[0];
        const Tensor tokens = reshape(patch_embed(images), {B, patches, channels});
        Tensor x = concat({broadcast_to(cls_token, {B, 1, channels}), tokens}, 1) + pos_embed;
        for (size_t i = 0; i < blocks.size(); ++i) x = blocks[i](x);
        return head(norm(reshape(slice(x, 1, 0, 1), {B, channels})));
    }
};

const Program program{.name = "vit",
                      .model = [] { return std::make_unique<ViT>(); },
                      .data = [](const std::string& source) { return image_data(source, image); },
                      .source = "shapes"};

}  // namespace vit

int main(int argc, char** argv) { return run_program(vit::program, argc, argv); }
