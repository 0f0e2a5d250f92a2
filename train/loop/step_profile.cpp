#include "train/loop/step_profile.h"

#include "core/gemm/product_kernels.h"

#include <algorithm>

namespace swingrad {

using Clock = std::chrono::steady_clock;

void StepProfile::watch(Tape& tape) {
    last_ = Clock::now();
    last_flops_ = products_.flops();
    tape.after_record = [this](const Node& node) {
        note(&OperationCost::forward_s, &OperationCost::forward_flops, node.name());
    };
    tape.after_backward = [this](const Node& node, const NeedsInputGrad&, std::vector<Tensor>&) {
        note(&OperationCost::backward_s, &OperationCost::backward_flops, node.name());
        ++operations_.find(node.name())->second.calls;
    };
}

void StepProfile::note(double OperationCost::*seconds, double OperationCost::*flops, std::string_view operation) {
    const auto now = Clock::now();
    const double all_flops = products_.flops();
    auto found = operations_.find(operation);
    if (found == operations_.end()) found = operations_.emplace(operation, OperationCost{std::string(operation)}).first;
    found->second.*seconds += std::chrono::duration<double>(now - last_).count();
    found->second.*flops += all_flops - last_flops_;
    last_ = now;
    last_flops_ = all_flops;
}

std::vector<OperationCost> StepProfile::operations() const {
    std::vector<OperationCost> all;
    for (const auto& [name, cost] : operations_) all.push_back(cost);
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.seconds() > b.seconds(); });
    return all;
}

double seconds_of_products(const std::map<Product, int64_t>& products) {
    double seconds = 0;
    for (const auto& [product, count] : products) seconds += seconds_of_product(product, count);
    return seconds;
}

}  // namespace swingrad
