// embedding(weight [V, C], index int64 [...]) -> [..., C]
//
// A vocabulary of V words, or other things that have numbers, each with a learnt row of C numbers. A token is a place
// in `index`, the number of a word; it becomes that word's row:
//
//   y_tc = weight_vc where v = index_t        dweight_vc = sum_t dy_tc [index_t = v]
//
// This is index as rows of 0 and one 1, [tokens, V], times weight, without the zeros. Backward sorts the tokens by
// their word, those of one word in their order, so each word's sum has a fixed order and the words can be shared among
// threads.
//
// Saved: index. Numerics: sums are acc_type<T>. dweight has all V rows; those of words that do not occur are 0.
// An index out of range is an error. On a device it cannot be looked at in time: there its row of y is NaN, and its row
// of dy goes nowhere. Source: torch.nn.functional.embedding. Test: tests/layout/test_embedding.cpp.

#include "cuda/layout/embedding.h"

#include "core/threads.h"
#include "ops/axis.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>
#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void EmbeddingOp<T>::forward() const {
    parallel_rows(tokens, C, [&](int64_t t) { std::copy_n(weight + index[t] * C, C, y + t * C); });
}

// ---- backward

template <class T>
void EmbeddingOp<T>::backward() const {
    // The tokens of word v are sorted[first[v]], ..., sorted[first[v + 1] - 1]: a counting sort.
    std::vector<int64_t> first(V + 1), sorted(tokens);
    for (int64_t t = 0; t < tokens; ++t) ++first[index[t] + 1];
    for (int64_t v = 0; v < V; ++v) first[v + 1] += first[v];
    std::vector<int64_t> next = first;
    for (int64_t t = 0; t < tokens; ++t) sorted[next[index[t]]++] = t;

    parallel_rows(V, C * (1 + tokens / std::max<int64_t>(1, V)), [&](int64_t v) {
        if (first[v] == first[v + 1]) return;
        std::vector<A> sums(C);
        // forward: y_t = weight_v where v = index_t, so:
        for (int64_t at = first[v]; at < first[v + 1]; ++at)
            for (int64_t c = 0; c < C; ++c) sums[c] += dy[sorted[at] * C + c];
        for (int64_t c = 0; c < C; ++c) dweight[v * C + c] = sums[c];
    });
}

// ---- autograd node

namespace {

struct EmbeddingNode final : Node {
    Shape weight_shape;  // [V, C]
    Tensor index;        // [...]

    std::string_view name() const override { return "embedding"; }
    std::vector<Saved> saved() const override { return {{"index", index}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dweight = gradient_memory(0, weight_shape, dy.dtype(), dy.device());
        dweight.fill_zero();
        run_backward(name(), dy, [&]<class T>(T) {
            EmbeddingOp<T> op{.tokens = index.numel(), .V = weight_shape[0], .C = weight_shape[1], .index = ptr(index)};
            op.dy = ptr(dy), op.dweight = ptr(dweight);
            return op;
        });
        return {dweight};
    }
};

}  // namespace

// ---- public function

Tensor embedding(const Tensor& weight, const Tensor& index) {
    check(weight.shape().rank() == 2, "[embedding] weight must be [V, C], got {}", weight.shape());
    check_one_device("embedding", {{"weight", weight}, {"index", index}});
    check_index("embedding", index, weight.shape()[0]);
    const int64_t V = weight.shape()[0], C = weight.shape()[1];
    const Tensor y = weight.empty_like(with_axis(index.shape(), index.shape().rank(), C));
    run_forward("embedding", weight, [&]<class T>(T) {
        return EmbeddingOp<T>{
            .tokens = index.numel(), .V = V, .C = C, .weight = ptr(weight), .index = ptr(index), .y = ptr(y)};
    });
    if (!recording({weight})) return y;
    auto node = std::make_unique<EmbeddingNode>();
    node->weight_shape = weight.shape();
    node->index = index;
    return record(std::move(node), {weight}, y);
}

// ---- gradient check

const DeclareGradientCase embedding_case{{
    "embedding",
    // Word 4 occurs three times, 2 never.
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({5, 3}, random), Tensor::from({2, 4}, std::vector<int64_t>{4, 0, 1, 4, 3, 4, 1, 0})};
    },
    [](const std::vector<Tensor>& in) { return embedding(in[0], in[1]); },
}};

}  // namespace swingrad
