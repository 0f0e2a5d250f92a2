#include "autograd/tape.h"

#include "autograd/accumulate.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace swingrad {

// What a tensor carries when gradients flow through it: either it is a leaf, which keeps its gradient, or it is
// the output of node `node` on tape number `tape`, and the gradient waits in that tape's slot.
struct AutogradMeta {
    bool leaf = false;
    std::string name;
    LeafGradient collected;  // leaves only
    uint64_t tape = 0;
    size_t node = 0;
};

namespace {

thread_local Tape* current_tape = nullptr;
thread_local const Scope* current_scope = nullptr;
thread_local LeafGradients* current_collection = nullptr;

uint64_t next_serial() {
    static std::atomic<uint64_t> serial{0};
    return ++serial;
}

AutogradMeta& leaf_meta(const Tensor& tensor, std::string_view caller) {
    check(tensor.autograd() && tensor.autograd()->leaf, "[{}] expects a leaf made by require_gradient, got {}", caller,
          tensor);
    return *tensor.autograd();
}

// Gradients arriving at one place are summed. The first is kept as it came; its memory may belong to someone else
// too (an `add` returns the same dy for both inputs), so it is written to only where no other tensor shares it.
void add_to(Tensor& sum, Tensor gradient) {
    if (!sum.defined()) sum = std::move(gradient);
    else if (sum.sharers() == 1) add_into(sum, gradient);
    else sum = added(sum, gradient);
}

// Whether the gradient was computed where it belongs.
bool is_lent(const LeafGradient& leaf, const Tensor& gradient) {
    return leaf.lent && gradient.address() == leaf.gradient.address();
}

void add_to_leaf(LeafGradient& leaf, Tensor gradient) {
    if (!leaf.bound) {
        // A leaf's gradient outlives the tape and may be scaled or clipped in place: it shares memory with no other
        // tensor.
        if (leaf.received) add_to(leaf.gradient, std::move(gradient));
        else leaf.gradient = gradient.sharers() == 1 ? std::move(gradient) : gradient.clone();
    } else if (leaf.received) {
        add_into(leaf.gradient, gradient);
    } else if (!is_lent(leaf, gradient)) {
        leaf.gradient.copy_from(gradient);
    }
    leaf.received = true;
    leaf.lent = false;
}

// "node 3", and where it belongs if that is known.
std::string place_of(size_t number, const std::string& scope) {
    return scope.empty() ? fmt::format("node {}", number) : fmt::format("node {} of {}", number, scope);
}

}  // namespace

std::string current_scope_name() { return current_scope ? current_scope->name_ : ""; }

Scope::Scope(std::string name) : name_(std::move(name)), previous_(current_scope) { current_scope = this; }
Scope::~Scope() { current_scope = previous_; }

Tape::Tape() : serial_(next_serial()), previous_(current_tape) { current_tape = this; }
Tape::~Tape() { current_tape = previous_; }

NoGrad::NoGrad() : previous_(current_tape) { current_tape = nullptr; }
NoGrad::~NoGrad() { current_tape = previous_; }

thread_local const std::vector<Tape::Input>* Tape::walked_ = nullptr;

// ---- recording

bool recording(const std::vector<Tensor>& inputs) {
    return current_tape &&
           std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.autograd() != nullptr; });
}
bool recording(std::initializer_list<Tensor> inputs) { return current_tape && recording(std::vector<Tensor>(inputs)); }

Tensor record(std::unique_ptr<Node> node, const std::vector<Tensor>& inputs, Tensor output) {
    if (!recording(inputs)) return output;
    Tape& tape = *current_tape;
    check(!tape.consumed_, "[{}] this tape was walked backward already; make a new Tape for new work", node->name());
    Tape::Entry entry;
    for (const Tensor& input : inputs) {
        const auto& meta = input.autograd();
        check(!meta || meta->leaf || meta->tape == tape.serial_,
              "[{}] input {} was made on another tape; use detached() to take it as a constant", node->name(), input);
        entry.inputs.push_back({meta, input.shape(), input.dtype(), input.defined()});
    }
    entry.scope = current_scope_name();
    if (tape.check_finite_) require_finite(output, "output", node->name(), place_of(tape.entries_.size(), entry.scope));
    entry.node = std::move(node);
    entry.shape = output.shape();
    auto meta = std::make_shared<AutogradMeta>();
    meta->tape = tape.serial_;
    meta->node = tape.entries_.size();
    tape.entries_.push_back(std::move(entry));
    output.set_autograd(std::move(meta));
    if (tape.after_record) tape.after_record(*tape.entries_.back().node);
    return output;
}

void refuse_gradient(std::string_view op, std::initializer_list<Tensor> inputs) {
    check(!recording(inputs), "[{}] has no gradient; take its inputs detached() or use NoGrad", op);
}

// ---- backward

void Tape::backward(const Tensor& output) {
    check(output.numel() == 1, "[backward] a {} output needs a cotangent of the same shape", output.shape());
    backward(output, filled(output.shape(), 1, output.dtype(), output.device()));
}

void Tape::backward(const Tensor& output, const Tensor& cotangent) {
    check(!consumed_, "[backward] this tape was walked already and has let go of what it saved; record again");
    check(cotangent.defined() && cotangent.shape() == output.shape() && cotangent.dtype() == output.dtype() &&
              cotangent.device() == output.device(),
          "[backward] the cotangent must be {}, got {}", output, cotangent);
    check(output.autograd() && !output.autograd()->leaf && output.autograd()->tape == serial_,
          "[backward] the output was not computed on this tape from anything that needs a gradient");
    const NoGrad no_recording;
    consumed_ = true;
    entries_[output.autograd()->node].gradient = cotangent.detached();
    for (size_t index = entries_.size(); index-- > 0;) step_back(index);
    entries_.clear();
}

// One node: take the gradient that has arrived at its output, ask for those of its inputs, pass them on, let go.
void Tape::step_back(size_t index) {
    Entry entry = std::move(entries_[index]);  // freed at the end of this function, and with it what was saved
    if (!entry.gradient.defined()) return;     // nothing that was asked for depends on this node

    NeedsInputGrad needs_input_grad;
    for (const Input& input : entry.inputs) needs_input_grad.push_back(input.meta != nullptr);
    const auto* const around = std::exchange(walked_, &entry.inputs);  // a node may walk a tape of its own
    std::vector<Tensor> gradients;
    try {
        gradients = entry.node->backward(entry.gradient, needs_input_grad);
    } catch (...) {
        walked_ = around;
        throw;
    }
    walked_ = around;
    entry.gradient = Tensor();
    if (after_backward) after_backward(*entry.node, needs_input_grad, gradients);

    const std::string_view name = entry.node->name();
    check(gradients.size() == entry.inputs.size(), "[{}] backward must return {} gradients, returned {}", name,
          entry.inputs.size(), gradients.size());
    for (size_t i = 0; i < gradients.size(); ++i) {
        const Input& input = entry.inputs[i];
        if (!needs_input_grad[i]) continue;
        check(gradients[i].defined() && gradients[i].shape() == input.shape && gradients[i].dtype() == input.dtype,
              "[{}] the gradient of input {} must be {} {}, got {}", name, i, name_of(input.dtype), input.shape,
              gradients[i]);
        if (check_finite_)
            require_finite(gradients[i], fmt::format("gradient of input {}", i), name, place_of(index, entry.scope));
    }
    entry.node.reset();
    for (size_t i = 0; i < gradients.size(); ++i)
        if (needs_input_grad[i]) deliver(index, entry.inputs[i], std::move(gradients[i]));
}

// The leaf's own, unless this thread collects it elsewhere.
LeafGradient& Tape::collected_by(AutogradMeta& leaf) {
    if (!current_collection) return leaf.collected;
    const auto found = current_collection->of_.find(&leaf);
    return found == current_collection->of_.end() ? leaf.collected : found->second;
}

// Only where one gradient is to come: the second of two would be added to what the first has not finished.
Tensor gradient_memory(size_t number, const Shape& shape, DType dtype, Device device) {
    if (Tape::walked_ && number < Tape::walked_->size()) {
        const auto& meta = (*Tape::walked_)[number].meta;
        const auto is_same = [&](const Tape::Input& input) { return input.meta == meta; };
        if (meta && meta->leaf && std::count_if(Tape::walked_->begin(), Tape::walked_->end(), is_same) == 1) {
            LeafGradient& leaf = Tape::collected_by(*meta);
            if (leaf.bound && !leaf.received && leaf.gradient.shape() == shape && leaf.gradient.dtype() == dtype &&
                leaf.gradient.device() == device) {
                leaf.lent = true;
                return leaf.gradient;
            }
        }
    }
    return Tensor::empty(shape, dtype, device);
}
Tensor gradient_memory(size_t number, const Tensor& like) {
    return gradient_memory(number, like.shape(), like.dtype(), like.device());
}

void Tape::deliver(size_t from, const Input& input, Tensor gradient) {
    if (input.meta->leaf) return add_to_leaf(collected_by(*input.meta), std::move(gradient));
    check(input.meta->node < from, "[backward] node {} precedes its own input", from);
    add_to(entries_[input.meta->node].gradient, std::move(gradient));
}

std::vector<TapeEntry> Tape::entries() const {
    std::vector<TapeEntry> all;
    for (size_t i = 0; i < entries_.size(); ++i) {
        const Entry& entry = entries_[i];
        if (!entry.node) continue;  // backward has passed it, and let it go
        TapeEntry seen{i, std::string(entry.node->name()), entry.scope, entry.shape, {}, {}};
        for (const Input& input : entry.inputs) {
            if (!input.given) continue;
            const bool leaf = input.meta && input.meta->leaf;
            const size_t node = input.meta && !leaf ? input.meta->node : TapeEntry::no_node;
            seen.inputs.push_back({node, leaf, leaf ? input.meta->name : "", input.shape});
        }
        for (Saved& saved : entry.node->saved())
            if (saved.tensor.defined()) seen.saved.push_back(std::move(saved));
        all.push_back(std::move(seen));
    }
    return all;
}

// ---- leaves

void require_gradient(Tensor& tensor, std::string name) {
    check(is_float(tensor.dtype()) || tensor.dtype() == DType::dual,
          "[require_gradient] only floating-point tensors have gradients, got {}", tensor);
    auto meta = std::make_shared<AutogradMeta>();
    meta->leaf = true;
    meta->name = std::move(name);
    tensor.set_autograd(std::move(meta));
}

namespace {

LeafGradient bound_to(const Tensor& leaf, Tensor buffer) {
    check(buffer.defined() && buffer.shape() == leaf.shape() && buffer.dtype() == leaf.dtype() &&
              buffer.device() == leaf.device(),
          "[bind_gradient] buffer must be {}, got {}", leaf, buffer);
    return {std::move(buffer), true};
}

}  // namespace

void bind_gradient(const Tensor& leaf, Tensor buffer) {
    leaf_meta(leaf, "bind_gradient").collected = bound_to(leaf, std::move(buffer));
}

Tensor gradient(const Tensor& leaf) {
    const LeafGradient& collected = leaf_meta(leaf, "gradient").collected;
    return collected.received ? collected.gradient : Tensor();
}

void zero_grad(const Tensor& leaf) {
    LeafGradient& collected = leaf_meta(leaf, "zero_grad").collected;
    collected.received = collected.lent = false;
    if (!collected.bound) collected.gradient = Tensor();
}

void note_gradient(const Tensor& leaf) {
    LeafGradient& collected = leaf_meta(leaf, "note_gradient").collected;
    check(collected.bound, "[note_gradient] expects a leaf with a buffer given by bind_gradient, got {}", leaf);
    collected.received = true;
}

std::vector<std::string> without_gradient(const std::vector<Tensor>& leaves) {
    std::vector<std::string> names;
    for (const Tensor& leaf : leaves)
        if (const AutogradMeta& meta = leaf_meta(leaf, "without_gradient"); !meta.collected.received)
            names.push_back(meta.name);
    return names;
}

// ---- gradients apart from the leaves

void LeafGradients::bind(const Tensor& leaf, Tensor buffer) {
    of_[&leaf_meta(leaf, "bind_gradient")] = bound_to(leaf, std::move(buffer));
}

bool LeafGradients::received(const Tensor& leaf) const {
    const auto found = of_.find(&leaf_meta(leaf, "received"));
    return found != of_.end() && found->second.received;
}

void LeafGradients::zero() {
    for (auto& [leaf, collected] : of_) collected.received = collected.lent = false;
}

CollectGradients::CollectGradients(LeafGradients& gradients)
    : previous_(std::exchange(current_collection, &gradients)) {}
CollectGradients::~CollectGradients() { current_collection = previous_; }

}  // namespace swingrad
