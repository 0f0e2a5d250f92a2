// What forward passes cost, layer by layer. With a model and its inputs on Device::meta nothing is computed and no
// memory taken, so that the cost of any model of any size is found at once:
//
//     CostLog log;
//     loss_of(model(inputs));
//     for (const auto& [scope, multiply_adds] : log.multiply_adds()) ...
//
// Arithmetic is counted in multiply-adds by the convention of Swin's authors: products (linear layers, convolutions,
// patches, both products of attention) and one for every element that a norm puts out. Softmax, activations, sums and
// pools are not counted. One multiply-add is two FLOPs. Padding that a window needs is counted where it is computed, in
// attention's two products.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace swingrad {

// While one of these lives, it notes what operations cost that run forward on this thread. An inner one takes the place
// of the outer.
class CostLog {
  public:
    CostLog();
    ~CostLog();
    CostLog(const CostLog&) = delete;
    CostLog& operator=(const CostLog&) = delete;

    // By the name of the Scope (autograd/tape.h) in which the operation ran.
    const std::map<std::string, int64_t>& multiply_adds() const { return multiply_adds_; }
    int64_t total() const;

    static void note(int64_t multiply_adds);  // by ops/operation.h; does nothing where no log lives

  private:
    std::map<std::string, int64_t> multiply_adds_;
    CostLog* previous_;
};

}  // namespace swingrad
