#include "train/loop/step_profile.h"

#include "core/gemm/packed_operand.h"
#include "core/threads.h"

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

namespace {

// The same product `count` times, shared among the threads, each with matrices of its own.
template <class T>
double seconds_of(const Product& product, int64_t count) {
    const int64_t m = product.m, n = product.n, k = product.k, threads = thread_count();
    const int64_t lda = product.layout_a == Layout::plain ? k : m;
    const Tensor a = Tensor::zeros({threads, m * k}, product.dtype),
                 c = Tensor::zeros({threads, m * n}, acc_dtype(product.dtype));
    const PackedOperand<T> b(Layout::plain, n, k, Tensor::zeros({k, n}, product.dtype).data<T>(), n);
    const Clock::time_point start = Clock::now();
    parallel_for(threads, [&](int64_t thread) {
        acc_type<T>* own = c.data<acc_type<T>>() + thread * m * n;
        const auto beginning =
            product.accumulate ? InitialValue<acc_type<T>>::matrix(own, n) : InitialValue<acc_type<T>>::zero();
        for (int64_t i = thread; i < count; i += threads)
            multiply(product.layout_a, m, a.data<T>() + thread * m * k, lda, b, own, n, beginning);
    });
    return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

double seconds_of_products(const std::map<Product, int64_t>& products) {
    double seconds = 0;
    for (const auto& each : products)  // Clang captures no structured bindings
        dispatch_any_float("products", each.first.dtype,
                           [&]<class T>(T) { seconds += seconds_of<T>(each.first, each.second); });
    return seconds;
}

}  // namespace swingrad
