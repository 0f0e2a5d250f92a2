// Modules made of modules: one after the other, or a list. Their children are named by number, as PyTorch's are: "0",
// "1", ...
#pragma once

#include "models/nn/module.h"

#include <functional>
#include <memory>
#include <utility>

namespace swingrad {

// Modules of one kind, owned: model.blocks[2].forward(x).
template <class M>
class ModuleList : public Module {
  public:
    // Makes a module, an M or what derives from it, of these arguments, and puts it at the end.
    template <class Derived = M, class... Args>
    Derived& add(Args&&... args) {
        auto module = std::make_unique<Derived>(std::forward<Args>(args)...);
        Derived& added = *module;
        declare(std::to_string(modules_.size()), added);
        modules_.push_back(std::move(module));
        return added;
    }

    size_t size() const { return modules_.size(); }
    // Throws an Error where there is no such module.
    M& operator[](size_t i) { return *modules_[valid(i)]; }
    const M& operator[](size_t i) const { return *modules_[valid(i)]; }

  private:
    size_t valid(size_t i) const {
        check(i < size(), "[module] a list of {} modules has none at {}", size(), i);
        return i;
    }

    std::vector<std::unique_ptr<M>> modules_;
};

// Each module's output is the next one's input; without modules the input is the output:
//
//   Sequential net;
//   net.add<Linear>(2, 64);
//   net.add<Apply>(relu);
//   net.add<Linear>(64, 2);
class Sequential : public ModuleList<Module> {
  public:
    Tensor forward(const Tensor& x) const override {
        Tensor y = x;
        for (size_t i = 0; i < size(); ++i) y = (*this)[i](y);
        return y;
    }
};

// A function as a module without parameters: Apply(gelu), Apply([](const Tensor& x) { return max_pool2d(x, ...); }).
class Apply : public Module {
  public:
    explicit Apply(std::function<Tensor(const Tensor&)> function) : function_(std::move(function)) {
        check(function_ != nullptr, "[module] Apply needs a function, got none");
    }
    Tensor forward(const Tensor& x) const override { return function_(x); }

  private:
    std::function<Tensor(const Tensor&)> function_;
};

}  // namespace swingrad
