// Module: a layer that owns parameters and other modules, all with names.
//
// A module declares its parameters without allocating them: shape, start value, and whether weight decay applies (an
// optimiser's pull towards 0). So a model of three billion parameters can be counted on a laptop. `Parameters`
// allocates and initialises.
#pragma once

#include "core/tensor.h"

#include <string>
#include <vector>

namespace swingrad {

// What a parameter holds before the first step.
struct Init {
    enum class Kind { constant, normal, uniform } kind = Kind::constant;
    double value = 0;  // the constant, the standard deviation, or the bound of [-value, value)

    static Init constant(double value) { return {Kind::constant, value}; }
    static Init normal(double deviation) { return {Kind::normal, deviation}; }
    static Init uniform(double bound) { return {Kind::uniform, bound}; }
};

// Weight decay is for the matrices that products multiply by: the weights of linear layers and of the patch embedding.
// In mixed precision the same matrices have bfloat16 copies. All other parameters have one number for each channel, or
// are as small.
enum class Decay : bool { no, yes };

struct Parameter {
    Shape shape;
    Init init;
    Decay decay = Decay::no;
    Tensor value;  // undefined until Parameters allocates it; the leaf that the model computes with

    operator const Tensor&() const { return value; }
};

struct NamedParameter {
    std::string name;  // dotted path: "layers.0.blocks.1.attn.qkv.weight"
    Parameter* parameter;
};

class Module {
  public:
    Module() = default;
    virtual ~Module() = default;
    Module(const Module&) = delete;  // children and parameters are held by address
    Module& operator=(const Module&) = delete;

    // All parameters of this module and its children, in order of declaration.
    std::vector<NamedParameter> parameters();
    // How many numbers that is. Allocates nothing.
    int64_t parameter_count();

  protected:
    void declare(std::string name, Parameter& parameter, const Shape& shape, Init init, Decay decay);
    void declare(std::string name, Module& child);

  private:
    struct Member {
        std::string name;
        Parameter* parameter;  // one of the two is null
        Module* module;
    };
    void declare(Member member);
    void collect(const std::string& prefix, std::vector<NamedParameter>& found);

    std::vector<Member> members_;
};

}  // namespace swingrad
