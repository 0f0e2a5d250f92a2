// The tape: what was computed, in order, so that it can be walked backwards.
//
//   Tape tape;                                  // records from here on, on this thread
//   Tensor loss = cross_entropy(model(x), labels);
//   tape.backward(loss);                        // gradients of all leaves that asked for one
//
// An operation that runs while a tape records appends a Node holding what its backward needs. `backward` walks
// the nodes from the last to the first. Every node was appended after the nodes that made its inputs, so the order
// of creation is a topological order: there is nothing to sort and nothing to recurse into.
#pragma once

#include "core/tensor.h"

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace swingrad {

// For each input of a node, in the order of `record`: whether its gradient is asked for.
using NeedsInputGrad = std::vector<bool>;

struct Saved {
    std::string_view name;
    Tensor tensor;
};

// One recorded operation. Subclasses hold what they saved as named members.
class Node {
  public:
    virtual ~Node() = default;
    virtual std::string_view name() const = 0;

    // dy is the gradient of this node's output. Returns one gradient an input, in the order of `record`; where
    // !needs_input_grad[i], an undefined tensor will do. Never adds to a gradient: that is for the tape. May return dy
    // itself, or one tensor twice.
    virtual std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) = 0;

    // What this node keeps alive, for printing and counting.
    virtual std::vector<Saved> saved() const { return {}; }
};

// One recorded operation as others may see it: what tape_text.h prints.
struct TapeEntry {
    static constexpr size_t no_node = static_cast<size_t>(-1);
    struct Input {
        size_t node;       // the entry that made it; no_node for a leaf or a constant
        bool is_leaf;      // it collects a gradient
        std::string leaf;  // a leaf's name
        Shape shape;
    };
    size_t number;      // on its tape
    std::string name;   // of the operation
    std::string scope;  // the part of the model it belongs to; empty where no Scope said
    Shape shape;        // of the output
    std::vector<Input> inputs;
    std::vector<Saved> saved;
};

struct LeafGradient;

class Tape {
  public:
    Tape();   // becomes the tape that records on this thread
    ~Tape();  // recording goes back to the tape before it
    Tape(const Tape&) = delete;
    Tape& operator=(const Tape&) = delete;

    // Computes the gradient of sum(cotangent * output) and adds it to every leaf's gradient. Without a cotangent,
    // output must have one element. Releases the nodes as it passes them: a tape can be walked once.
    void backward(const Tensor& output);
    void backward(const Tensor& output, const Tensor& cotangent);

    // From now on, throws an Error naming the first node that puts out a value or a gradient that is not finite.
    void check_finite() { check_finite_ = true; }

    // Called with each node as it is recorded.
    std::function<void(const Node&)> after_record;
    // Called with what each node's backward returned, before it is used. May change it: this is how the tests
    // prove that a wrong gradient is noticed.
    std::function<void(const Node&, const NeedsInputGrad&, std::vector<Tensor>&)> after_backward;

    size_t size() const { return entries_.size(); }
    // What was recorded and has not been walked yet, in order. Optional inputs and tensors that were left out, and so
    // take no memory, are left out here too.
    std::vector<TapeEntry> entries() const;

  private:
    friend Tensor record(std::unique_ptr<Node> node, const std::vector<Tensor>& inputs, Tensor output);
    friend Tensor gradient_memory(size_t number, const Shape& shape, DType dtype, Device device);

    struct Input {
        std::shared_ptr<AutogradMeta> meta;  // null for a constant
        Shape shape;
        DType dtype;
        bool given;  // false for an optional input that was left out
    };
    struct Entry {
        std::unique_ptr<Node> node;
        std::vector<Input> inputs;
        std::string scope;
        Shape shape;      // of the output
        Tensor gradient;  // of the output, as far as it has arrived
    };

    void step_back(size_t index);
    void deliver(size_t from, const Input& input, Tensor gradient);
    static LeafGradient& collected_by(AutogradMeta& leaf);

    std::vector<Entry> entries_;
    uint64_t serial_;  // tells this tape's tensors from any other's
    Tape* previous_;
    bool check_finite_ = false;
    bool consumed_ = false;
    static thread_local const std::vector<Input>* walked_;  // of the node whose backward runs on this thread
};

// What a leaf has received.
struct LeafGradient {
    Tensor gradient;
    bool bound = false;     // `gradient` is a buffer given by bind_gradient
    bool received = false;  // `gradient` holds something
    bool lent = false;      // `gradient` is being computed where it lies: gradient_memory()
};

// While one of these lives, nothing is recorded on this thread.
class NoGrad {
  public:
    NoGrad();
    ~NoGrad();
    NoGrad(const NoGrad&) = delete;
    NoGrad& operator=(const NoGrad&) = delete;

  private:
    Tape* previous_;
};

// While one of these lives, what is recorded on this thread belongs to the part of a model that it names, such as
// "layers.0.blocks.1": for tables, graphs and messages. An inner one takes the place of the outer.
class Scope {
  public:
    explicit Scope(std::string name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

  private:
    const std::string name_;
    const Scope* previous_;
    friend std::string current_scope_name();
};
std::string current_scope_name();  // empty where there is none

// ---- for operations

// Whether a tape records and at least one of these needs a gradient, i.e. whether anything must be saved.
bool recording(std::initializer_list<Tensor> inputs);
bool recording(const std::vector<Tensor>& inputs);

// Appends `node` to the recording tape and returns `output` as its result. Where !recording(inputs), returns
// `output` untouched and drops the node. `inputs` may hold undefined tensors for optional inputs left out.
Tensor record(std::unique_ptr<Node> node, const std::vector<Tensor>& inputs, Tensor output);

// Memory for the gradient of a node's input number `number`, called from its backward; contents undefined. A
// parameter's that has received none yet is computed where it is collected (bind_gradient), so that nothing has to be
// copied there; else it is memory of its own. What is written there must be the whole gradient: it is what backward
// returns.
Tensor gradient_memory(size_t number, const Shape& shape, DType dtype, Device device);
Tensor gradient_memory(size_t number, const Tensor& like);

// For an operation that has no backward: throws an Error if it would have to be recorded.
void refuse_gradient(std::string_view op, std::initializer_list<Tensor> inputs);

// ---- for leaves: parameters and inputs

// Makes `tensor` a leaf that collects a gradient. `name` appears in messages.
void require_gradient(Tensor& tensor, std::string name = {});
// Makes the leaf collect its gradient in `buffer` (same shape and dtype), e.g. a slice of one flat tensor.
void bind_gradient(const Tensor& leaf, Tensor buffer);
// What the leaf has received since it was cleared; undefined if nothing. Memory of its own, or the bound buffer.
Tensor gradient(const Tensor& leaf);
void zero_grad(const Tensor& leaf);
// Names of the leaves that have received nothing.
std::vector<std::string> without_gradient(const std::vector<Tensor>& leaves);
// Says that the leaf's bound buffer holds its gradient, which was written there by other means than a tape.
void note_gradient(const Tensor& leaf);

// Gradients of the same leaves, apart from theirs: for several passes through one model at once, on a thread each.
//
//   LeafGradients own;
//   own.bind(weight, buffer);
//   const CollectGradients collecting(own);  // on this thread
//   tape.backward(loss);                     // fills `buffer`; what the leaf itself collects stays as it is
class LeafGradients {
  public:
    // As bind_gradient. What reaches a leaf that is not bound here goes to the leaf itself.
    void bind(const Tensor& leaf, Tensor buffer);
    bool received(const Tensor& leaf) const;
    void zero();  // nothing has been received

  private:
    friend class Tape;
    std::unordered_map<const AutogradMeta*, LeafGradient> of_;
};

// While one of these lives, gradients that reach leaves on this thread are collected there. An inner one takes the
// place of the outer.
class CollectGradients {
  public:
    explicit CollectGradients(LeafGradients& gradients);
    ~CollectGradients();
    CollectGradients(const CollectGradients&) = delete;
    CollectGradients& operator=(const CollectGradients&) = delete;

  private:
    LeafGradients* previous_;
};

}  // namespace swingrad
