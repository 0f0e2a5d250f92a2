// Scratch memory of the CPU's fast paths: what an operation takes while it runs and gives back at its end. On meta no
// fast path runs, so these are formulas, one an operation, beside the files they are about (ops/*/*_fast.cpp). A test
// holds them, with all else, against what a step takes.
#pragma once

#include "autograd/tape.h"
#include "models/nn/parameters.h"
#include "models/swin/config.h"

#include <map>

namespace swingrad {

// Whether products by this parameter pack it.
bool is_packed(const Parameters::Entry& entry);
// A weight [outputs, inputs] packed for products: whole panels of columns. `pairs`: bfloat16 in pairs; else as float32.
size_t packed_weight_bytes(int64_t outputs, int64_t inputs, DType dtype, bool pairs);

class Scratch {
  public:
    // Of the operations of this model. Where weights are `packed_before`, no operation packs its own.
    Scratch(const SwinConfig& config, DType dtype, int threads, bool packed_before);

    // Bytes of one operation, 0 of one that has none worth mentioning.
    size_t forward(const Node& node) const;
    size_t backward(const Node& node) const;
    bool by_pairs() const { return pairs_; }  // the processor multiplies pairs of bfloat16

  private:
    struct Stage {
        int64_t heads, tokens;  // of a window
    };
    size_t attention_head(int64_t C, const Stage& stage) const;
    size_t sequential_head(int64_t C, const Stage& stage) const;
    size_t packed(const Tensor& weight) const;
    const Stage& stage_of(int64_t channels) const;

    DType dtype_;
    int64_t element_;  // bytes of an activation
    int64_t threads_;
    bool packed_before_, pairs_;
    std::map<int64_t, Stage> stages_;  // by channels
};

}  // namespace swingrad
