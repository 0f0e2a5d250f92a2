// Module: a layer, or a whole model, that owns parameters, buffers and other modules, all with names.
//
//   struct TwoLayers : Module {
//       Linear hidden{2, 64}, output{64, 2};
//       TwoLayers() {
//           declare("hidden", hidden);
//           declare("output", output);
//       }
//       Tensor forward(const Tensor& x) const override { return output(relu(hidden(x))); }
//   };
//
// A module declares its parameters without allocating them: shape, start value, and how training treats them. So a
// model of three billion parameters can be counted on a laptop. `Parameters` (models/nn/parameters.h) allocates and
// initialises.
#pragma once

#include "core/random.h"
#include "core/tensor.h"
#include "models/nn/init.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace swingrad {

// Weight decay (an optimiser's pull towards 0) is for the matrices that products multiply by, weights of linear layers
// and of convolutions. Embedding decays too, as it does in PyTorch unless one sorts it out.
enum class Decay : bool { no, yes };
// In mixed precision a parameter stays float32, or has a bfloat16 copy that the model computes with. Factors of
// products have one. What has a number for each channel is small, and stays as it is.
enum class Precision : bool { full, mixed };

struct Parameter {
    Shape shape;
    Init init;
    Decay decay = Decay::no;
    Precision precision = Precision::full;
    bool is_table = false;  // rows are looked up, and no matrix is multiplied by
    std::string name = {};  // as declared; empty: never declared
    Tensor value = {};      // undefined until Parameters allocates it; the leaf that the model computes with
    bool frozen = false;    // gets no gradient, and so stays as it is: models/nn/freeze.h

    // For operations. Undefined if the parameter was never declared: a layer without a bias. Throws an Error if it was
    // and has no memory yet.
    operator const Tensor&() const;
};

// A tensor that belongs to a module and is saved with it, and that no optimiser changes: running statistics. Floating,
// never bfloat16.
struct Buffer {
    Shape shape;
    double start = 0;  // what it is full of at first
    Tensor value;      // undefined until Parameters allocates it

    operator const Tensor&() const { return value; }
};

struct NamedParameter {
    std::string name;  // dotted path: "layers.0.blocks.1.attn.qkv.weight"
    Parameter* parameter;
};
struct NamedBuffer {
    std::string name;
    Buffer* buffer;
};

class Module {
  public:
    Module() = default;
    virtual ~Module() = default;
    Module(const Module&) = delete;  // children and parameters are held by address
    Module& operator=(const Module&) = delete;

    // What it computes of one tensor. `module(x)` is the same, and what it records belongs to the module by name, in
    // tables and graphs. A module that takes more has a forward of its own.
    virtual Tensor forward(const Tensor& x) const;
    Tensor operator()(const Tensor& x) const;

    // Training: dropout and drop path are active, and batch norm normalises by the batch. What is random is drawn from
    // `random`, by each module from a stream of its own; a training calls this before every step, with a stream for the
    // step. Evaluation, in which a module begins: nothing random.
    void train(Random random);
    void eval();
    bool training() const { return training_; }

    // All of this module and its children, in order of declaration.
    std::vector<NamedParameter> parameters();
    std::vector<NamedBuffer> buffers();
    // Modules declared here: name, address.
    std::vector<std::pair<std::string, Module*>> children() const;
    // "layers.0.blocks.1" once Parameters has been made of the whole; empty for the whole itself.
    const std::string& name() const { return name_; }
    // How many numbers the parameters are. Allocates nothing.
    int64_t parameter_count();

    // For layer-wise decay of the learning rate: which layer a parameter of this model belongs to, by name. Layers
    // count from 0, which is next to the input. Nothing for a parameter in none, as of all where a model knows no
    // layers.
    virtual std::optional<int64_t> layer_of(const std::string& parameter) const;

    // For a step that is captured once as a CUDA graph and launched again (train/loop/device_steps.h). Draws what
    // forward will need of this step's stream for `batch` samples, into memory that stays where it is.
    virtual void draw_ahead(int64_t batch, DType dtype, Device device);
    // Whether forward, in training, draws numbers that cannot be drawn ahead, or depends on anything else that changes
    // from step to step on the host, such as a counter: then a step must not be captured, for it would be frozen.
    virtual bool draws_in_forward() const;

  protected:
    // Names a member. Throws an Error for a name that is taken, and for a parameter without elements.
    void declare(std::string name, Parameter& parameter, const Shape& shape, Init init, Decay decay = Decay::no,
                 Precision precision = Precision::full);
    void declare(std::string name, Buffer& buffer, const Shape& shape, double start);
    void declare(std::string name, Module& child);

    Random random() const;                             // of this module and step, and of the MicroBatch
    bool drawn_ahead() const { return drawn_ahead_; }  // for this step
    void note_drawn_ahead() { drawn_ahead_ = true; }

  private:
    struct Member {
        std::string name;
        Parameter* parameter = nullptr;  // one of the three is not null
        Buffer* buffer = nullptr;
        Module* module = nullptr;
    };
    void declare(Member member);
    void collect(const std::string& prefix, std::vector<NamedParameter>& parameters, std::vector<NamedBuffer>& buffers);

    std::vector<Member> members_;
    std::string name_;
    Random random_;
    bool training_ = false, drawn_ahead_ = false;
};

// While one of these lives, this thread computes the micro-batch `number`, from 0, of those that a step's batch is cut
// into: modules draw from a stream of its own.
class MicroBatch {
  public:
    explicit MicroBatch(int64_t number);
    ~MicroBatch();
    MicroBatch(const MicroBatch&) = delete;
    MicroBatch& operator=(const MicroBatch&) = delete;

  private:
    const std::optional<int64_t> outer_;
};

// While one of these lives, its function is told what each named module puts out that is called as module(x) on this
// thread, in the order in which they are done: a module after those within it. An inner one takes the place of the
// outer.
class ModuleObserver {
  public:
    using Function = std::function<void(const std::string& name, const Tensor& output)>;
    explicit ModuleObserver(Function function);
    ~ModuleObserver();
    ModuleObserver(const ModuleObserver&) = delete;
    ModuleObserver& operator=(const ModuleObserver&) = delete;

  private:
    friend class Module;
    const Function function_;
    const ModuleObserver* const outer_;
};

}  // namespace swingrad
