#include "train/program/explain/pass.h"

#include "autograd/accumulate.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace swingrad {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

double root_mean_square(const Tensor& x) {
    double sum = 0;
    for (const double value : x.values()) sum += value * value;
    return std::sqrt(sum / static_cast<double>(std::max<int64_t>(x.numel(), 1)));
}

// Of [1, H, W, C], the length of each C numbers; of anything else, nothing.
std::vector<double> lengths_of(const Tensor& x) {
    if (x.shape().rank() != 4 || x.shape()[0] != 1) return {};
    const std::vector<double> values = x.values();
    const auto C = static_cast<size_t>(x.shape()[-1]);
    std::vector<double> lengths(values.size() / C);
    for (size_t i = 0; i < values.size(); ++i) lengths[i / C] += values[i] * values[i];
    for (double& length : lengths) length = std::sqrt(length);
    return lengths;
}

bool has_gradient(const TapeEntry::Input& input) { return input.is_leaf || input.node != TapeEntry::no_node; }

// Walks a tape back, and notes what arrives where. It keeps a gradient until its node is passed, as the tape does.
class Walk {
  public:
    explicit Walk(Tape& tape) : tape_(tape) {
        tape.after_record = [this](const Node& node) { order_.push_back(&node); };
    }

    std::vector<SeenNode> back_from(const Tensor& loss) {
        for (TapeEntry& entry : tape_.entries()) {
            entry.saved.clear();
            nodes_.push_back({std::move(entry), none, {}, {}});
            nodes_.back().passed.assign(nodes_.back().entry.inputs.size(), none);
        }
        arrived_.resize(nodes_.size());
        arrived_.back() = filled(loss.shape(), 1, loss.dtype(), loss.device());
        at_ = nodes_.size();
        tape_.after_backward = [this](const Node& node, const NeedsInputGrad& needed, std::vector<Tensor>& gradients) {
            while (order_[--at_] != &node) {
            }
            note(needed, gradients);
        };
        tape_.backward(loss);
        return std::move(nodes_);
    }

  private:
    // `gradients` has one for each input that was recorded; the entry leaves out those that were not given, which need
    // none.
    void note(const NeedsInputGrad& needed, const std::vector<Tensor>& gradients) {
        SeenNode& node = nodes_[at_];
        node.gradient = root_mean_square(arrived_[at_]);
        node.lengths = lengths_of(arrived_[at_]);
        arrived_[at_] = Tensor();
        size_t input = 0;
        for (size_t i = 0; i < gradients.size(); ++i) {
            if (!needed[i]) continue;
            while (!has_gradient(node.entry.inputs[input])) ++input;
            node.passed[input] = root_mean_square(gradients[i]);
            if (const size_t from = node.entry.inputs[input].node; from != TapeEntry::no_node) {
                Tensor& sum = arrived_[from];
                sum = sum.defined() ? added(sum, gradients[i]) : gradients[i];
            }
            ++input;
        }
    }

    Tape& tape_;
    std::vector<const Node*> order_;
    std::vector<SeenNode> nodes_;
    std::vector<Tensor> arrived_;  // at each node's output, as far as it has been walked
    size_t at_ = 0;
};

// "layers.0": what its last block has put out already.
bool is_stage(std::string_view name) { return name.starts_with("layers.") && name.rfind('.') == 6; }

}  // namespace

SeenPass seen_pass(const SwinConfig& config, const Parameters& parameters, const Tensor& image) {
    check(image.shape().rank() == 4 && image.shape()[0] == 1, "[explain] expected one image [1, H, W, C], got {}",
          image.shape());
    SwinConfig open = config;
    open.checkpoint_blocks = open.sequential_attention = false;
    SwinV2 model(open);
    const Parameters copies(model, DType::float32, Random{});
    copies.values().copy_from(parameters.values().on_cpu().to(DType::float32));

    SeenPass seen;
    ForwardOptions options;
    options.observe = [&](std::string_view name, const Tensor& value) {
        if (is_stage(name)) return;
        check(first_not_finite(value) == value.numel(), "[explain] {} puts out what is not finite", name);
        seen.maps.emplace_back(name, value.detached());
    };
    Tensor leaf = image.detached();
    require_gradient(leaf, "images");
    Tape tape;
    Walk walk(tape);
    const Tensor logits = model.forward(leaf, options);
    check(first_not_finite(logits) == logits.numel(), "[explain] the logits are not finite");
    seen.logits = logits.values();
    seen.label = std::max_element(seen.logits.begin(), seen.logits.end()) - seen.logits.begin();
    const Tensor loss = cross_entropy(logits, Tensor::from({1}, std::vector<int64_t>{seen.label}));
    seen.loss = loss.item();
    seen.nodes = walk.back_from(loss);
    if (const Tensor of_image = gradient(leaf); of_image.defined()) seen.image_lengths = lengths_of(of_image);
    return seen;
}

}  // namespace swingrad
