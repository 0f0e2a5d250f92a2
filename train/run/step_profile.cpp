#include "train/run/step_profile.h"

#include "core/tensor.h"
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
    tape.after_backward = [this](const Node& node, const Needs&, std::vector<Tensor>&) {
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

template <class T>
void compute(const GemmCall& call, T* memory, int64_t most) {
    const int64_t lda = call.layout_a == Layout::plain ? call.k : call.m;
    const int64_t ldb = call.layout_b == Layout::plain ? call.n : call.k;
    gemm_block(call.layout_a, call.layout_b, call.m, call.n, call.k, memory, lda, memory + most, ldb, memory + 2 * most,
               call.n, call.accumulate);
}

}  // namespace

double seconds_of_products(const std::map<GemmCall, int64_t>& calls) {
    std::vector<GemmCall> each;
    for (const auto& [call, count] : calls) each.insert(each.end(), static_cast<size_t>(count), call);
    int64_t most = 0;  // numbers in the largest of all matrices
    for (const GemmCall& call : each) most = std::max({most, call.m * call.k, call.k * call.n, call.m * call.n});

    // Each thread has its three matrices; calls of one shape, which lie side by side, are shared by all threads.
    const int64_t threads = thread_count(), count = static_cast<int64_t>(each.size());
    const Tensor memory = Tensor::zeros({threads, 3, most}, DType::float64);
    const Clock::time_point start = Clock::now();
    parallel_for(threads, [&](int64_t thread) {
        double* own = memory.data<double>() + thread * 3 * most;
        for (int64_t i = thread; i < count; i += threads) {
            const GemmCall& call = each[static_cast<size_t>(i)];
            if (call.dtype == DType::float32) compute(call, reinterpret_cast<float*>(own), most);
            else compute(call, own, most);
        }
    });
    return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace swingrad
