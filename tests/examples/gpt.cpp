// A small GPT learns which character comes next, given a text up to there.
// Source: Radford et al., "Language models are unsupervised multitask learners" (GPT-2), without tied embeddings.
#include <swingrad/core/io/file.h>
#include <swingrad/models/nn/containers.h>
#include <swingrad/models/nn/sequence.h>
#include <swingrad/train/program/own/own_program.h>

#include <algorithm>

using namespace swingrad;

namespace gpt {

constexpr int64_t vocabulary = 128, context = 64;  // ASCII; characters that the model sees at once
constexpr int64_t channels = 128, depth = 4, heads = 4;
const LinearOptions start{.weight_init = Init::normal(0.02), .bias_init = Init::constant(0)};

// Attention to what came before, and an MLP, each added to what went into it.
struct Block : Module {
    LayerNorm norm1{channels}, norm2{channels};
    MultiHeadAttention attn{channels, heads, {.causal = true, .linear = start}};
    Mlp mlp{channels, 4 * channels, start};

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

struct GPT : Module {
    Embedding tokens{vocabulary, channels, Init::normal(0.02)};
    Parameter positions;
    ModuleList<Block> blocks;
    LayerNorm norm{channels};
    Linear head{channels, vocabulary, {.bias = false, .weight_init = Init::normal(0.02)}};

    GPT() {
        declare("tokens", tokens);
        declare("positions", positions, {context, channels}, Init::normal(0.02), Decay::no, Precision::mixed);
        for (int64_t i = 0; i < depth; ++i) blocks.add();
        declare("blocks", blocks);
        declare("norm", norm);
        declare("head", head);
    }
    // int64 [B, 64] -> logits of each next character [B, 64, 128]
    Tensor forward(const Tensor& text) const override {
        Tensor x = tokens(text) + positions;
        for (size_t i = 0; i < blocks.size(); ++i) x = blocks[i](x);
        return head(norm(x));
    }
};

// Windows of a text, one after the other: the characters, and at each the one that follows it.
class Text final : public Samples {
  public:
    Text(std::string text, int64_t step) : text_(std::move(text)), step_(step) {}

    int64_t size() const override { return (static_cast<int64_t>(text_.size()) - context - 1) / step_ + 1; }
    // In training a window is moved by up to a step, at random.
    Batch batch(std::span<const int64_t> indices, const Random* augmentation) const override {
        const auto B = static_cast<int64_t>(indices.size());
        Batch batch{Tensor::empty({B, context}, DType::int64), Tensor::empty({B, context}, DType::int64)};
        for (int64_t b = 0; b < B; ++b) {
            const int64_t index = indices[static_cast<size_t>(b)];
            int64_t begin = index * step_;
            if (augmentation && index + 1 < size())
                begin += augmentation->below(static_cast<uint64_t>(index), static_cast<uint32_t>(step_));
            for (int64_t t = 0; t < context; ++t) {
                batch.inputs.data<int64_t>()[b * context + t] = character(begin + t);
                batch.targets.data<int64_t>()[b * context + t] = character(begin + t + 1);
            }
        }
        return batch;
    }

  private:
    int64_t character(int64_t i) const { return text_[static_cast<size_t>(i)] & 127; }

    std::string text_;
    int64_t step_;
};

// `--data FILE`: its last tenth is for validation.
ProgramData text_data(const std::string& path) {
    const std::string text = read_file(path);
    check(text.size() > 10 * (context + 1), "[gpt] {} must have more than {} characters, it has {}", path,
          10 * (context + 1), text.size());
    const size_t end = text.size() / 10 * 9;
    return {.training = std::make_unique<Text>(text.substr(0, end), context / 4),
            .validation = std::make_unique<Text>(text.substr(end), context)};
}

const Program program{.name = "gpt",
                      .model = [] { return std::make_unique<GPT>(); },
                      .data = text_data,
                      .source = "book.txt",
                      .recipe = {.label_smoothing = 0, .clip_grad = 1},
                      .text = {.context = context}};

}  // namespace gpt

int main(int argc, char** argv) { return run_program(gpt::program, argc, argv); }
