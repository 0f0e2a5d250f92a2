// A batch of nothing, forward and backward, of every operation: on the CPU, by plain loops and by kernels, whose grids
// would have no block.
#include "autograd/gradcheck.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <set>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Tensor emptied(const Tensor& x) { return Tensor::empty(x.shape().with(0, 0), x.dtype()); }

// A case's inputs without a batch: of the first input alone, or of all that are as long.
std::vector<Tensor> without_a_batch(std::vector<Tensor> inputs, bool first_alone) {
    if (inputs[0].shape().rank() == 0) return {};
    const int64_t batch = inputs[0].shape()[0];
    for (size_t i = 0; i < inputs.size(); ++i)
        if (i == 0 || (!first_alone && inputs[i].shape().rank() > 0 && inputs[i].shape()[0] == batch))
            inputs[i] = emptied(inputs[i]);
    return inputs;
}

std::vector<Tensor> results_on(Device device, const Function& f, const std::vector<Tensor>& inputs) {
    const std::vector<Tensor> there = on(device, inputs);
    const Tensor y = f(there);
    std::vector<Tensor> results = gradients_of(f, there, random_tensor(y.shape(), Random{1, 1}).to(y.dtype()));
    results.push_back(y);
    return results;
}

// Operations whose own cases say how large the batch is.
struct WithoutABatch {
    std::string operation;
    std::vector<Tensor> inputs;
    Function function;
};
std::vector<WithoutABatch> more_without_a_batch() {
    const auto none = [](const Shape& shape, DType dtype = DType::float64) { return Tensor::empty(shape, dtype); };
    const auto ones = [](int64_t size) {
        return Tensor::from({size}, std::vector<double>(static_cast<size_t>(size), 1));
    };
    const auto keep = [=](const Tensor& x) { return none({0}).on(x.device()); };
    return {
        {"drop_path", {none({0, 2, 4})}, [=](auto& in) { return drop_path(in[0], keep(in[0])); }},
        {"select_kept", {none({0, 2, 3})}, [=](auto& in) { return select_kept(in[0], keep(in[0])); }},
        {"restore_dropped", {none({0, 2, 3})}, [=](auto& in) { return restore_dropped(in[0], keep(in[0])); }},
        {"branch_samples",
         {none({0, 2, 3})},
         [=](auto& in) { return residual_add(in[0], gelu(branch_samples(in[0], keep(in[0]))), keep(in[0])); }},
        {"embedding",
         {random_tensor({5, 3}, Random{1, 2}), none({0, 4}, DType::int64)},
         [](auto& in) { return embedding(in[0], in[1]); }},
        {"mask_tokens",
         {none({0, 2, 3, 5}), ones(5)},
         [=](auto& in) {
             return mask_tokens(in[0], in[1], none({0, 2, 3}, DType::uint8).on(in[0].device()));
         }},
        {"residual_norm",
         {none({0, 3, 5}), none({0, 3, 5}), ones(5), ones(5)},
         [=](auto& in) { return residual_norm(in[0], in[1], in[2], in[3], keep(in[0])); }},
    };
}

// Results and gradients, none of which may differ by a bit, on the CPU, by plain loops and by kernels.
void require_alike(const Function& f, const std::vector<Tensor>& inputs) {
    const auto here = results_on(Device::cpu, f, inputs), there = results_on(Device::cuda, f, inputs);
    const PlainLoops loops;
    const auto plain = results_on(Device::cpu, f, inputs);
    for (size_t i = 0; i < here.size(); ++i) {
        INFO("result " << i);
        REQUIRE(same_bits(plain[i], here[i]));
        REQUIRE(same_bits(there[i], here[i]));
    }
}

}  // namespace

TEST_CASE("every operation takes an empty batch, forward and backward, and kernels give what the loops give") {
    std::set<std::string> taken, refused;
    for (const GradientCase& one : gradient_cases())
        for (const bool first_alone : {true, false}) {
            const std::string operation = one.name.substr(0, one.name.find('/'));
            const auto inputs = without_a_batch(one.inputs(Random{11, 0}), first_alone);
            const std::string error =
                inputs.empty() ? "a scalar" : error_of([&] { results_on(Device::cpu, one.function, inputs); });
            if (error != "no error") {  // operands that do not fit each other, or a case that says its batch
                refused.insert(operation);
                continue;
            }
            INFO(one.name);
            require_alike(one.function, inputs);
            taken.insert(operation);
        }
    for (const WithoutABatch& one : more_without_a_batch()) {
        INFO(one.operation);
        require_alike(one.function, one.inputs);
        taken.insert(one.operation);
    }
    for (const std::string& operation : taken) refused.erase(operation);
    // A mean over nothing, and what knows no batch.
    REQUIRE(refused == std::set<std::string>{"continuous_position_bias", "cross_entropy", "relative_bias",
                                             "resample_bias_table", "resample_patch_weight"});
}
