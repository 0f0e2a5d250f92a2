// dropout(x [...], rate, random) -> [...]                    dropout(x [...], rate, random int64 [2]) -> [...]
//
// Each element is left out with probability `rate`, and what is kept is scaled up, so that the mean over draws is x and
// evaluation needs no change (it does not call dropout):
//
//   q = 1 - rate            y_i = x_i / q where u_i < q, else 0            u_i uniform in [0, 1), one an element
//
// The draw. Random gives four words of 32 bits an index, and most of the cost is in making them, so four elements share
// an index: u_i = word_i / 2^32, word_i the word i mod 4 of index i / 4. To compare whole numbers is the same:
//
//   u_i < q   <=>   word_i < q 2^32   <=>   word_i < bound = ceil(q 2^32)
//
// Backward. Which elements are kept does not depend on x:
//
//   dx_i = dy_i / q where u_i < q, else 0          the forward pass again, of dy
//
// The second form reads seed and stream of the Random from x's device when it computes, so that a step that is captured
// as a CUDA graph and launched again draws anew (train/loop/device_steps.h).
//
// Saved: rate and random, two values; the mask is drawn again. So a forward run again (checkpoint) draws the same too.
// Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014; scaled
// in training, not in evaluation, as everyone does since. Test: tests/regularise/test_dropout.cpp.

#include "cuda/regularise/dropout.h"

#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>

namespace swingrad {

// ---- forward, and of dy backward

template <class T>
void DropoutOp<T>::forward() const {
    const int64_t n = words_a_draw, draws = (count + n - 1) / n;
    const Random from = source();
    parallel_rows(draws, n, [&](int64_t draw) {
        const auto words = from.words(draw);
        for (int64_t i = draw * n; i < std::min((draw + 1) * n, count); ++i)
            y[i] = words[i % n] < bound ? x[i] * acc_type<T>(factor) : 0;
    });
}

// ---- autograd node

namespace {

// What is drawn from: a Random, or where `drawn` is defined the one in it.
struct Source {
    Random random = {};
    Tensor drawn = {};
};

Tensor dropped(const Tensor& x, double rate, const Source& source) {
    const double q = 1 - rate;
    const auto bound = static_cast<uint64_t>(std::ceil(q * 0x1p32));
    const Tensor y = x.empty_like(x.shape());
    run_forward("dropout", x, [&]<class T>(T) {
        return DropoutOp<T>{.count = x.numel(),
                            .bound = bound,
                            .factor = 1 / q,
                            .random = source.random,
                            .drawn = ptr(source.drawn),
                            .x = ptr(x),
                            .y = ptr(y)};
    });
    return y;
}

struct DropoutNode final : Node {
    double rate = 0;
    Source source;

    std::string_view name() const override { return "dropout"; }
    std::vector<Saved> saved() const override {
        return source.drawn.defined() ? std::vector<Saved>{{"random", source.drawn}} : std::vector<Saved>{};
    }

    // forward: y = x times what rate and source alone decide, so:
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        return {dropped(dy, rate, source)};
    }
};

Tensor recorded(const Tensor& x, double rate, const Source& source) {
    check(rate >= 0 && rate < 1, "[dropout] rate must be at least 0 and less than 1, got {}", rate);
    if (rate == 0) return x;
    auto node = std::make_unique<DropoutNode>();
    node->rate = rate;
    node->source = source;
    return record(std::move(node), {x}, dropped(x, rate, source));
}

}  // namespace

// ---- public functions

Tensor dropout(const Tensor& x, double rate, Random random) { return recorded(x, rate, {.random = random}); }

Tensor dropout(const Tensor& x, double rate, const Tensor& random) {
    check(random.shape() == Shape{2} && random.dtype() == DType::int64,
          "[dropout] random must be a seed and a stream, int64 [2], got {}", random);
    check_one_device("dropout", {{"x", x}, {"random", random}});
    return recorded(x, rate, {.drawn = random});
}

// ---- gradient check

const DeclareGradientCase dropout_case{{
    "dropout",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) {
        return dropout(in[0], 0.4, Random{1, 2});
    },
}};

const DeclareGradientCase drawn_case{{
    "dropout/drawn",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) {
        const Tensor drawn = Tensor::from({2}, std::vector<int64_t>{1, 2});
        return dropout(in[0], 0.4, drawn.on(in[0].device()));
    },
}};

}  // namespace swingrad
