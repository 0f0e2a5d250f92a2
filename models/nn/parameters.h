// Parameters: the memory of a module's parameters, of their gradients, and of its buffers.
#pragma once

#include "autograd/tape.h"
#include "core/gemm/kept_weights.h"
#include "core/random.h"
#include "models/nn/module.h"

#include <string>
#include <vector>

namespace swingrad {

// Whether parameters have gradients. A model that is only asked (evaluated, not trained) needs none.
enum class Gradients : bool { no, yes };

// All parameters of a model in one flat tensor, and all their gradients in another, so that clipping (of a gradient
// that is too long) and an optimiser's step are one pass over memory.
//
// Mixed precision, dtype bfloat16: `values` stays float32, since the steps of training are too small for eight bits of
// mantissa. The model computes with bfloat16 copies of the parameters with Precision::mixed, in a flat tensor of the
// same layout, and their gradients arrive in bfloat16 in another; all other parameters are as in float32. Without
// gradients no step is taken, and there are the copies alone. Source: Micikevicius et al., "Mixed precision training",
// arXiv 1710.03740.
class Parameters {
  public:
    // Allocates and initialises the parameters of `model` (which must outlive this object): every one draws from
    // its own stream of `random`, split by its position, so that a seed gives the same values on every device. dtype:
    // float32, float64 or bfloat16. Without gradients, which take as much memory as the values, `gradients()` is
    // undefined, and no tape records what the model computes. On Device::meta nothing is drawn. Throws an Error where
    // the model declares no parameter.
    Parameters(Module& model, DType dtype, Random random, Device device = Device::cpu,
               Gradients gradients = Gradients::yes);

    struct Entry {
        std::string name;
        Shape shape;
        int64_t offset;  // of its first element in the flat tensors below; a multiple of 16, gaps hold zeros
        Decay decay;
        // Part of `values`: what is saved, loaded and trained. Where there are copies alone, the leaf.
        Tensor value;
        Tensor leaf;      // what the model computes with and what collects the gradient: `value`, or its bfloat16 copy
        double rate = 1;  // what an optimiser multiplies the learning rate by
        bool is_table = false;  // rows are looked up, and no matrix is multiplied by

        bool has_copy() const { return leaf.dtype() != value.dtype(); }
        // Whether it collects a gradient: not where it is frozen (models/nn/freeze.h), nor without gradients at all.
        bool trained() const { return leaf.autograd() != nullptr; }
    };
    struct BufferEntry {
        std::string name;
        Tensor value;        // part of `buffers`
        int64_t offset = 0;  // there
    };

    const std::vector<Entry>& entries() const { return entries_; }
    const std::vector<BufferEntry>& buffer_entries() const { return buffer_entries_; }
    // [total], gaps included; where there are copies alone, only as far as there are entries without one.
    const Tensor& values() const { return values_; }
    // [total]; in mixed precision only as far as there are entries without a copy.
    const Tensor& gradients() const { return gradients_; }
    // [total] bfloat16, only the parts of entries with a copy in use; undefined where there are none.
    const Tensor& copies() const { return copies_; }
    const Tensor& copies_gradients() const { return copies_gradients_; }
    const Tensor& buffers() const { return buffers_; }  // [total of buffers], gaps included; may have no elements
    int64_t count() const { return count_; }            // of parameters' numbers, without gaps
    int64_t frozen_count() const;                       // of these, the numbers that are not trained
    DType dtype() const { return copies_.defined() ? DType::bfloat16 : values_.dtype(); }  // of activations
    Device device() const { return values_.device(); }

    // What the model is given: a batch's inputs on the parameters' device, and floats in their dtype.
    Tensor as_input(const Tensor& inputs) const;
    // Makes the copies those of `values` again: to be called after `values` were written. Optimisers write both.
    void renew_copies() const;
    // Layer-wise decay of the learning rate: an entry's rate becomes decay to the power of how many layers it lies
    // below the top one (Module::layer_of); one that is in no layer has rate 1. To be called before an optimiser is
    // made. Throws an Error where `model`, whose parameters these are, knows no layers.
    void decay_rates(const Module& model, double decay);
    // Until what is returned goes, nothing may write to the parameters, and each weight is packed for products once
    // (core/gemm/kept_weights.h).
    KeptWeights keep() const { return KeptWeights({values_, copies_}); }
    // Forgets all gradients: the next one to arrive replaces what is there.
    void zero_grad() const;
    // Names of parameters that received no gradient since, though they are trained.
    std::vector<std::string> without_gradient() const;

  private:
    void make_buffers(Module& model);

    std::vector<Entry> entries_;
    std::vector<BufferEntry> buffer_entries_;
    Tensor values_, gradients_, buffers_;
    Tensor copies_, copies_gradients_;
    int64_t count_ = 0;
};

}  // namespace swingrad
