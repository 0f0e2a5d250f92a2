// A Swin Transformer V1 of two stages, written with the layers of models/nn and the operations of windows alone: what
// windows, shift and patch merging add to a Vision Transformer (vit.cpp). Source: Liu et al., arXiv 2103.14030.
#include <swingrad/models/nn/containers.h>
#include <swingrad/models/nn/convolution.h>
#include <swingrad/models/nn/layers.h>
#include <swingrad/train/program/own/own_program.h>

using namespace swingrad;

namespace swin_of_layers {

constexpr Extent image{32, 32}, patch{4, 4}, window{4, 4};
constexpr int64_t classes = 10;

// Attention within windows, every other time shifted by half a window. [B, H, W, C] -> [B, H, W, C]
struct WindowAttention : Module {
    int64_t heads;
    WindowMap map;
    Linear qkv, proj;
    Parameter bias_table;  // a bias for each relative position of two tokens of a window

    WindowAttention(int64_t channels, int64_t heads, Extent size, bool shifted)
        : heads(heads),
          map(block_window_map(size, window, shifted)),
          qkv(channels, 3 * channels),
          proj(channels, channels) {
        declare("qkv", qkv);
        declare("proj", proj);
        declare("bias_table", bias_table, {map->offsets(), heads}, Init::normal(0.02));
    }
    Tensor forward(const Tensor& x) const override { return proj(dot_attention(qkv(x), {}, heads, bias_table, map)); }
};

struct Block : Module {
    LayerNorm norm1, norm2;
    WindowAttention attn;
    Mlp mlp;
    DropPath drop_path1{0.1}, drop_path2{0.1};

    Block(int64_t channels, int64_t heads, Extent size, bool shifted)
        : norm1(channels), norm2(channels), attn(channels, heads, size, shifted), mlp(channels, 4 * channels) {
        declare("norm1", norm1);
        declare("attn", attn);
        declare("norm2", norm2);
        declare("mlp", mlp);
        declare("drop_path1", drop_path1);
        declare("drop_path2", drop_path2);
    }
    Tensor forward(const Tensor& x) const override {
        const Tensor attended = x + drop_path1(attn(norm1(x)));
        return attended + drop_path2(mlp(norm2(attended)));
    }
};

// Half the rows and columns, twice the channels.
struct PatchMerging : Module {
    LayerNorm norm;
    Linear reduction;

    explicit PatchMerging(int64_t channels)
        : norm(4 * channels), reduction(4 * channels, 2 * channels, {.bias = false}) {
        declare("norm", norm);
        declare("reduction", reduction);
    }
    Tensor forward(const Tensor& x) const override { return reduction(norm(patch_merging(x))); }
};

struct Swin : Module {
    Conv2d patch_embed{3, 48, patch, {.stride = patch}};
    Sequential layers;
    LayerNorm norm{96};
    Linear head{96, classes};

    Swin() {
        declare("patch_embed", patch_embed);
        for (const bool shifted : {false, true}) layers.add<Block>(48, 3, Extent{8, 8}, shifted);
        layers.add<PatchMerging>(48);
        for (const bool shifted : {false, true}) layers.add<Block>(96, 6, Extent{4, 4}, shifted);
        declare("layers", layers);
        declare("norm", norm);
        declare("head", head);
    }
    // [B, 32, 32, 3] -> logits [B, 10]
    Tensor forward(const Tensor& images) const override {
        return head(global_average_pool(norm(layers(patch_embed(images)))));
    }
};

const Program program{.name = "swin_of_layers",
                      .model = [] { return std::make_unique<Swin>(); },
                      .data = [](const std::string& source) { return image_data(source, image); },
                      .source = "shapes"};

}  // namespace swin_of_layers

int main(int argc, char** argv) { return run_program(swin_of_layers::program, argc, argv); }
