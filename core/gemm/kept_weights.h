// Weights that stay as they are for a while, as a model's do while it is evaluated: the first product by one packs it
// (core/gemm/packed_operand.h), and those that follow find it packed. That pays where few rows are multiplied, such as
// the tokens of one image: then to pack a weight costs as much as to multiply by it.
//
//   {
//       const KeptWeights kept({parameters.values(), parameters.copies()});
//       ... model.forward(image) ...      // again and again
//   }
//
// Results have the same bits. A weight that is multiplied by takes its memory once more.
#pragma once

#include "core/gemm/gemm.h"
#include "core/tensor.h"

#include <vector>

namespace swingrad {

class KeptWeights {
  public:
    // Each tensor holds any number of weights. Until this object goes, nothing may write to them: products would not
    // see it. Undefined tensors, and those that are not in the CPU's memory, are passed over.
    explicit KeptWeights(std::vector<Tensor> weights);
    ~KeptWeights();
    KeptWeights(const KeptWeights&) = delete;
    KeptWeights& operator=(const KeptWeights&) = delete;

  private:
    std::vector<Tensor> weights_;  // their memory is no one else's for so long
};

namespace detail {

// What an operand was packed from, and how. `format`: the address of something that only one kind of panels has, since
// each instruction set has its own.
struct PackedFrom {
    const void* data;
    int64_t ld, n, k;
    Layout layout;
    const void* format;

    auto operator<=>(const PackedFrom&) const = default;
};

bool is_kept(const void* weight);
// Undefined where it is not there yet. From any thread, as the next.
Tensor kept_packed(const PackedFrom& from);
// Does nothing where the weight is not kept, or has been packed meanwhile.
void keep_packed(const PackedFrom& from, const Tensor& packed);

}  // namespace detail

}  // namespace swingrad
